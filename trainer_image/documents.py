"""Plain documents: learnt whole, one after the other, in blocks of equal length.

Each document is encoded with the special tokens its tokenizer adds and ends in exactly one end-of-text
token. All are put end to end and cut into blocks; attention is not reset at a document's border inside a
block, as in the pre-training of the models themselves. The last block is filled up with ignored tokens.
"""

from typing import Any

from trainer_image.data import TrainingRows
from trainer_image.masking import Encoded, Masking
from trainer_image.problems import RunFailedError
from trainer_image.rows import Message
from trainer_image.tokens import Blocks


def documents_masking(tokenizer: Any) -> Masking:
    """How a document becomes tokens. Raises RunFailedError if nothing would mark its end."""
    end = tokenizer.eos_token_id
    if end is None:
        raise RunFailedError(
            "The base model's tokenizer has no end-of-text token, so documents would run into each other.",
            "Choose a model whose tokenizer has one.",
        )

    def encode(messages: list[Message]) -> Encoded:
        ids = list(tokenizer(messages[0]["content"]).input_ids)
        while ids and ids[-1] == end:
            ids.pop()
        return Encoded([*ids, end], [True] * (len(ids) + 1))

    return Masking(encode, [], of_documents=True)


def into_blocks(rows: TrainingRows, *, block_size: int, pad_id: int) -> None:
    """Replace the documents, and those kept aside, by blocks `[block_size]` of them."""
    for part in (rows, rows.validation):
        if part:
            part.tokens = Blocks(part.tokens, size=block_size, pad_id=pad_id)
