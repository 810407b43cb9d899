"""Whether the rows fit the model: a token or a place it does not have would end the run in the middle of a
step, on a GPU by an error that says nothing."""

from typing import Any, Final

from torch import nn

from trainer_image.data import TrainingRows
from trainer_image.problems import RunFailedError
from trainer_image.reporting import Reporter

_PLACES: Final = {"wpe", "position_embeddings", "position_embedding", "embed_positions"}
"""What families call a learnt table of positions."""


def require_fit(model: Any, tokenizer: Any, rows: TrainingRows, reporter: Reporter) -> None:
    """Raise RunFailedError for rows that the model cannot compute; warn of those longer than it has seen."""
    every = [rows, *([rows.validation] if rows.validation else [])]
    tokens = int(model.get_input_embeddings().num_embeddings)
    if len(tokenizer) > tokens and any(max(ids) >= tokens for part in every for ids in part.input_ids):
        raise RunFailedError(
            f"The tokenizer has {len(tokenizer):,} tokens, the model only {tokens:,}, and rows use those.",
            "Take model and tokenizer from the same place; tokens that were added need a model made larger.",
        )
    longest = max(max(part.lengths) for part in every)
    places = _learnt_places(model)
    if places is not None and longest > places:
        raise RunFailedError(
            f"The model has places for {places:,} tokens, and the longest row has {longest:,}.",
            f"Lower max_seq_len (for documents block_size) to {places}.",
        )
    known = getattr(model.config, "max_position_embeddings", None)
    if places is None and isinstance(known, int) and longest > known:
        reporter.notice(
            f"The longest row has {longest:,} tokens, and the model was made for {known:,}: what it makes of "
            "the rest may be poor.",
            level="warning",
        )


def _learnt_places(model: Any) -> int | None:
    """Rows of its table of positions; None if it works positions out."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding) and name.rpartition(".")[2] in _PLACES:
            return int(module.num_embeddings) - int(getattr(module, "offset", 0))
    return None
