"""What is found out about the data before a model is loaded, each finding a sentence for people.

Does the model learn to stop? Does a row begin twice? Does the template change what was written, or leave the
system prompt out? The texts of the first rows are compared with what the template makes of them; the tokens
of all rows are looked at.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from trainer_image.data import IGNORED, TrainingRows
from trainer_image.masking import special_ids
from trainer_image.rendering import render
from trainer_image.rows import Refused, Row

INSPECTED: Final = 100
"""Rows whose text is compared; rendering each once more costs time."""


class Inspection:
    """Remembers the first rows that pass by, and judges them when the tokens are known."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._rows: list[Row] = []

    def watch(self, rows: Iterable[Row | Refused]) -> Iterator[Row | Refused]:
        for row in rows:
            if isinstance(row, Row) and len(self._rows) < INSPECTED:
                self._rows.append(row)
            yield row

    def fill(self, passing: Iterator[Row | Refused]) -> None:
        """Let as many rows of `watch` pass as are remembered."""
        while len(self._rows) < INSPECTED and next(passing, None):
            pass

    def warnings(self, rows: TrainingRows) -> list[str]:
        found = [self._unstopped(rows), self._doubled_beginning(rows), *self._changed_texts()]
        return [sentence for sentence in found if sentence]

    def all_well(self) -> str:
        return (
            "Checked: the token that ends an answer is learnt, no row begins twice, and the chat template "
            f"leaves the texts of the first {len(self._rows)} rows as they are."
        )

    def _unstopped(self, rows: TrainingRows) -> str:
        """Rows whose last trained token is not a special one: cut, or not ended by the template."""
        special = special_ids(self._tokenizer)
        count = sum(_last_trained(labels) not in special for labels in rows.labels)
        if not count:
            return ""
        return (
            f"{count} of {len(rows.labels)} rows do not end with the token that ends an answer: from them "
            "the model does not learn to stop."
        )

    def _doubled_beginning(self, rows: TrainingRows) -> str:
        begin = self._tokenizer.bos_token_id
        count = sum(len(ids) > 1 and ids[0] == ids[1] == begin for ids in rows.input_ids)
        if begin is None or not count:
            return ""
        return (
            f"{count} of {len(rows.input_ids)} rows begin with the beginning-of-text token twice; one of the "
            "two stands in the rows or the chat template and should go."
        )

    def _changed_texts(self) -> Iterator[str]:
        trimmed = rewritten = no_system = 0
        for row in self._rows:
            try:
                text = render(self._tokenizer, list(row.messages))
            except Exception:  # noqa: S112 the ledger has it: refused by the template
                continue
            contents = [m["content"] for m in row.messages if m["role"] != "system"]
            systems = [m["content"] for m in row.messages if m["role"] == "system"]
            no_system += any(content.strip() not in text for content in systems)
            rewritten += any(content.strip() not in text for content in contents)
            trimmed += all(content.strip() in text for content in contents) and any(
                content not in text for content in contents
            )
        of = f"of the first {len(self._rows)} rows"
        if no_system:
            yield f"The chat template leaves the system prompt out in {no_system} {of}."
        if rewritten:
            yield f"The chat template changes or leaves out text in {rewritten} {of}."
        if trimmed:
            yield f"The chat template takes white space off the texts in {trimmed} {of}."


def _last_trained(labels: Sequence[int]) -> int | None:
    return next((label for label in reversed(labels) if label != IGNORED), None)
