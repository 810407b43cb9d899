"""Show what a run has learnt: its base model and its result answer the same, and a report says how."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from app.domain.chat import Sampling
from app.domain.comparing import Comparison
from app.domain.errors import StudioError
from app.domain.ports import RunStore
from app.domain.proofs import GENERAL, Proof
from app.domain.runs import Measurement, Run, RunId
from app.domain.talkers import ModelRef
from app.services.comparing import ComparingService
from app.services.export_prompts import Example, examples_of

MOST: Final = 20
"""Prompts with a wanted answer."""
GREEDY: Final = Sampling(temperature=0.0, max_new_tokens=128, repetition_penalty=1.0, seed=0)
"""The likeliest words: what differs is then the model, not the dice."""

_SPARE: Final = 5
"""Times as many rows are looked at: some are longer conversations, or have another system prompt."""

Pair = tuple[ModelRef, ModelRef]


class ProvingService:
    """Blocking: the UI calls it off the event loop. Answers and report are the comparing service's."""

    def __init__(
        self,
        runs: RunStore,
        comparing: ComparingService,
        measurements: Callable[[RunId], Sequence[Measurement]],
    ) -> None:
        self._runs = runs
        self._comparing = comparing
        self._measurements = measurements

    def plan(self, ref: ModelRef, most: int = MOST) -> tuple[Comparison, Pair]:
        """What to ask the base model and what the run has made. Raises StudioError."""
        if ref.kind not in ("run", "checkpoint"):
            raise StudioError(
                "Only what a run has made can be held against its rows.",
                "Choose a run or one of its checkpoints.",
            )
        run = self._runs.get(RunId(ref.name.partition("/")[0]))
        tuned = ModelRef(ref.kind, ref.name)
        examples, what_they_are = examples_of(run, _SPARE * most)
        system, chosen = _of_one_kind(examples, most)
        if not chosen:
            raise StudioError(
                "None of the run's rows on this computer is a question with an answer.",
                "Compare the models with prompts of your own.",
            )
        prompts = [*(example.prompt[-1]["content"] for example in chosen), *GENERAL]
        pair = (tuned.as_base(), tuned)
        plan = self._comparing.plan(*pair, prompts, GREEDY, system)
        loss = self._loss(run) if ref.kind == "run" else None
        return replace(plan, proof=Proof(tuple(e.answer for e in chosen), what_they_are, loss)), pair

    def _loss(self, run: Run) -> tuple[float, float] | None:
        """Before training and of the result, as the run measured both."""
        measured = {one.step: one.loss for one in self._measurements(run.id)}
        steps = sorted(step for step in measured if step > 0)
        if 0 not in measured or not steps:
            return None
        last = min(steps, key=lambda step: measured[step]) if run.config.load_best else steps[-1]
        return measured[0], measured[last]


def _of_one_kind(examples: Sequence[Example], most: int) -> tuple[str, list[Example]]:
    """Those of a single question under the system prompt that most of them have: a comparison has one."""
    single = [e for e in examples if [m["role"] for m in e.prompt] in (["user"], ["system", "user"])]
    single = [e for e in single if e.prompt[-1]["content"].strip()]
    counted = Counter(_system(example) for example in single)
    system = counted.most_common(1)[0][0] if counted else ""
    return system, [example for example in single if _system(example) == system][:most]


def _system(example: Example) -> str:
    return example.prompt[0]["content"] if example.prompt[0]["role"] == "system" else ""
