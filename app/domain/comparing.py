"""The same questions to two models."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property

from app.domain.chat import AnswerFacts, Sampling
from app.domain.comparison_page import page_of
from app.domain.proof_page import numbers_of
from app.domain.proofs import Findings, Proof, findings
from app.domain.word_differences import likeness


class ComparisonFormat(StrEnum):
    JSONL = "jsonl"
    MARKDOWN = "md"
    CSV = "csv"
    HTML = "html"


@dataclass(frozen=True)
class Answered:
    """One side's answer to one prompt, whole or as far as it has come."""

    prompt: int
    """Its place in the list, from 0."""
    side: int
    """0 for the first model, 1 for the second."""
    text: str
    facts: AnswerFacts | None = None
    """Set once it is whole."""


@dataclass(frozen=True)
class Comparison:
    """What came of it so far."""

    labels: tuple[str, str]
    prompts: tuple[str, ...]
    system: str
    sampling: Sampling
    answers: tuple[Answered, ...] = ()
    """The whole ones."""
    proof: Proof | None = None
    """Set where the first prompts have wanted answers and the others are general ones."""

    @cached_property
    def _by_place(self) -> Mapping[tuple[int, int], Answered]:
        """The window asks for each of a thousand answers at every redraw."""
        return {(one.prompt, one.side): one for one in self.answers}

    def answer(self, prompt: int, side: int) -> Answered | None:
        return self._by_place.get((prompt, side))

    def pairs(self) -> Sequence[tuple[str, str, str]]:
        """(prompt, first answer, second answer) of the prompts that both have answered."""
        found = []
        for at, prompt in enumerate(self.prompts):
            first, second = self.answer(at, 0), self.answer(at, 1)
            if first is not None and second is not None:
                found.append((prompt, first.text, second.text))
        return found

    @property
    def is_whole(self) -> bool:
        return len(self.answers) == 2 * len(self.prompts)

    def findings(self) -> Findings | None:
        """What the answers prove; None where nothing was to be proved."""
        if self.proof is None:
            return None
        placed = enumerate(self.prompts)
        pairs = [(at, (prompt, *both)) for at, prompt in placed if (both := self._both(at)) is not None]
        return findings(self.proof, pairs)

    def _both(self, prompt: int) -> tuple[str, str] | None:
        first, second = self.answer(prompt, 0), self.answer(prompt, 1)
        return None if first is None or second is None else (first.text, second.text)

    def _wanted(self) -> list[str | None]:
        """Of each pair, in their order."""
        answers = self.proof.wanted if self.proof else ()
        places = (at for at in range(len(self.prompts)) if self._both(at) is not None)
        return [answers[at] if at < len(answers) else None for at in places]

    def as_text(self, file_format: ComparisonFormat) -> str:
        match file_format:
            case ComparisonFormat.JSONL:
                return self._as_jsonl()
            case ComparisonFormat.CSV:
                return self._as_csv()
            case ComparisonFormat.MARKDOWN:
                return self._as_markdown()
            case ComparisonFormat.HTML:
                found = self.findings()
                numbers = numbers_of(self.labels, self.proof, found) if self.proof and found else ""
                return page_of(self.labels, self._conditions(), self.pairs(), numbers, self._wanted())

    def _conditions(self) -> list[str]:
        system = [f"System prompt: {self.system}"] if self.system else []
        return [*system, f"Temperature {self.sampling.temperature:g}, seed {self.sampling.seed}"]

    def _as_jsonl(self) -> str:
        shared = {"models": self.labels, "system": self.system, "sampling": asdict(self.sampling)}
        rows = ({"prompt": p, "first": a, "second": b, **shared} for p, a, b in self.pairs())
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    def _as_csv(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(("prompt", *self.labels, "likeness"))
        writer.writerows((p, a, b, f"{likeness(a, b):.2f}") for p, a, b in self.pairs())
        return out.getvalue()

    def _as_markdown(self) -> str:
        first, second = self.labels
        lines = [f"# {first} and {second}", *self._conditions()]
        for prompt, a, b in self.pairs():
            lines.append(f"## {prompt}\n\n### {first}\n\n{a}\n\n### {second}\n\n{b}")
        return "\n\n".join(lines) + "\n"
