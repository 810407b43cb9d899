"""How training reads a prompt, how Quick Inference does, and what the trained model answers to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from app.worker.exporting.runtimes import Messages
from app.worker.generation import render as quick_render
from trainer_image.masking import masking_for
from trainer_image.rendering import render as training_render


@dataclass(frozen=True)
class Answer:
    """The likeliest tokens, and at each place the scores of all tokens, `[answer, vocabulary]`."""

    tokens: list[int]
    scores: torch.Tensor


@dataclass(frozen=True)
class Reading:
    """A prompt as text and as tokens."""

    text: str
    ids: list[int]


class Reference:
    """The trained model with the tokenizer of its training."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        """Without a model (None) it reads, but answers nothing."""
        self._model, self.tokenizer = model, tokenizer
        self.first_text: str = tokenizer.bos_token or ""
        self.stops = stops_of(tokenizer)

    @property
    def model(self) -> Any:
        return self._model

    def in_training(self, messages: Messages) -> Reading:
        text = training_render(self.tokenizer, [dict(m) for m in messages], add_generation_prompt=True)
        return Reading(text, list(self.tokenizer(text, add_special_tokens=False)["input_ids"]))

    def in_quick_inference(self, messages: Messages) -> Reading:
        return Reading(*quick_render(self.tokenizer, messages))

    def answer(self, prompt: Sequence[int], most: int) -> Answer:
        return greedy(self._model, prompt, most, self.stops)

    def take_model(self) -> Any:
        """The model, which nobody else holds then: what is made of it needs the room."""
        model, self._model = self._model, None
        return model

    def word(self, token: int) -> str:
        return str(self.tokenizer.decode([token]))

    def words(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))


def stops_of(tokenizer: Any) -> frozenset[int]:
    """The tokens that training has taught to end an answer."""
    probe = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    encoded = masking_for(tokenizer).encode(probe)
    taught = [token for token, flag in zip(encoded.input_ids, encoded.trained, strict=True) if flag]
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    return frozenset(taught[-1:]) & special


def greedy(model: Any, prompt: Sequence[int], most: int, stops: frozenset[int]) -> Answer:
    """The likeliest token, over and over, until one of `stops`."""
    ids = torch.tensor([list(prompt)], device=model.device)  # [batch = 1, seq]
    tokens: list[int] = []
    scores: list[torch.Tensor] = []
    past: Any = None
    while len(tokens) < most:
        with torch.no_grad():
            out = model(input_ids=ids, past_key_values=past, use_cache=True)
        past = out.past_key_values
        last = out.logits[0, -1].float().cpu()
        token = int(last.argmax())
        tokens.append(token)
        scores.append(last)
        if token in stops:
            break
        ids = torch.tensor([[token]], device=model.device)
    return Answer(tokens, torch.stack(scores).half())
