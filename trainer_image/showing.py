"""One row as the model sees it: every token with its text, whether it carries loss, what it stands for."""

from collections.abc import Sequence
from typing import Any, Final

from trainer_image.config import RunConfig
from trainer_image.encoding import NotUsableError, ends, limits_of, usable
from trainer_image.look_protocol import Role, Shown, ShownToken
from trainer_image.masking import Encoded, Masking, special_ids
from trainer_image.rendering import render
from trainer_image.rows import Message, Refused, Row
from trainer_image.verdicts import Change, begins_twice, changes

_SENTENCES: Final[dict[Change, str]] = {
    "system_lost": "The chat template leaves the system prompt of this row out.",
    "rewritten": "The chat template changes or leaves out text of this row.",
    "trimmed": "The chat template takes white space off the texts of this row.",
    "reasoning_lost": "The chat template leaves reasoning of this row out.",
    "tools_lost": "The chat template leaves tools of this row, or their calls, out.",
    "structure_written": "A text of this row holds a token that stands for structure, and is read as such.",
}


class Eyes:
    """How one run sees rows: its config, tokenizer and masking."""

    def __init__(self, config: RunConfig, tokenizer: Any, masking: Masking) -> None:
        self._config, self._tokenizer, self._masking = config, tokenizer, masking
        self._special = special_ids(tokenizer)

    def show(self, row: Row | Refused, *, start: int, limit: int) -> Shown:
        """What becomes of the row by itself, and its tokens `start`..`start + limit`."""
        try:
            kept, _ = usable(row, self._masking, limits_of(self._config))
            bucket, reason, kept_tokens = "", "", len(kept.input_ids)
        except NotUsableError as refusal:
            bucket, reason, kept_tokens = refusal.bucket, refusal.reason, 0
        if isinstance(row, Refused) or bucket in {"malformed", "refused_by_template"}:
            return Shown(bucket=bucket, reason=reason)
        encoded = self._masking.encode(list(row.messages))
        wanted = slice(start, start + limit)
        return Shown(
            bucket=bucket,
            reason=reason,
            count=len(encoded.input_ids),
            trained=sum(encoded.trained),
            kept=kept_tokens,
            start=start,
            tokens=self._tokens(encoded, list(row.messages))[wanted],
            findings=self._findings(encoded, row.messages, is_cut=0 < kept_tokens < len(encoded.input_ids)),
        )

    def _tokens(self, encoded: Encoded, messages: list[Message]) -> list[ShownToken]:
        stops = ends(encoded) & self._special
        return [
            ShownToken(id=token, text=text, trained=trained, role=self._role(token, stops))
            for token, trained, text in zip(
                encoded.input_ids, encoded.trained, self._texts(encoded, messages), strict=True
            )
        ]

    def _role(self, token: int, stops: set[int]) -> Role:
        if token in stops:
            return "end_of_turn"
        if token == self._tokenizer.bos_token_id:
            return "begin"
        if token == self._tokenizer.eos_token_id:
            return "end"
        return "special" if token in self._special else ""

    def _texts(self, encoded: Encoded, messages: list[Message]) -> list[str]:
        """Each token's part of the text: by place where the text is known, else by decoding it alone."""
        ids = encoded.input_ids
        if self._masking.of_documents:
            text, added = messages[0]["content"], True
        else:
            text, added = render(self._tokenizer, messages), False
        again = self._tokenizer(text, add_special_tokens=added, return_offsets_mapping=True)
        whole = list(again["input_ids"])
        if not self._masking.of_documents and whole == ids:
            return _parts(text, again["offset_mapping"])
        return [self._tokenizer.decode([token], clean_up_tokenization_spaces=False) for token in ids]

    def _findings(self, encoded: Encoded, messages: Sequence[Message], *, is_cut: bool) -> list[str]:
        if self._masking.of_documents:
            return []
        found = [_SENTENCES[change] for change in _SENTENCES if change in changes(self._tokenizer, messages)]
        if begins_twice(encoded.input_ids, self._tokenizer.bos_token_id):
            found.append("This row begins with the beginning-of-text token twice.")
        learnt = [token for token, flag in zip(encoded.input_ids, encoded.trained, strict=True) if flag]
        if is_cut or (learnt and learnt[-1] not in self._special):
            found.append("The token that ends the answer is not learnt from this row.")
        if encoded.lost_answers:
            found.append(f"{encoded.lost_answers} earlier answers of this row carry no loss.")
        return found


def _parts(text: str, offsets: Sequence[tuple[int, int]]) -> list[str]:
    """The text of each token; what lies between two, as the blanks some tokenizers skip, goes to the later.

    Tokens that share a character share its place: the first has it, the others have nothing.
    """
    parts: list[str] = []
    done = 0
    for start, end in offsets:
        parts.append(text[done:end] if end > done and end > start else "")
        done = max(done, end)
    return parts
