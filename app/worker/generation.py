"""From messages to an answer, token by token."""

import copy
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jinja2 import TemplateError
from transformers import RepetitionPenaltyLogitsProcessor

from app.domain.chat import FinishReason, Sampling
from app.domain.errors import NotTakenError
from app.worker.endings import CHECKED_EVERY, AnswerEndedError, StopWatch, goes_round
from app.worker.models import LoadedModel
from app.worker.protocol import Done, Generate, Messages, Token
from app.worker.refusing import refusal


def render(tokenizer: Any, messages: Messages) -> tuple[str, list[int]]:
    """What the model reads: the messages in the template of the training, ending where the answer begins."""
    ids = _prompt_ids(tokenizer, messages)
    plain = [dict(message) for message in messages]
    return tokenizer.apply_chat_template(plain, add_generation_prompt=True, tokenize=False), ids


def _prompt_ids(tokenizer: Any, messages: Messages) -> list[int]:
    """Raises NotTakenError for what the template refuses."""
    plain = [dict(message) for message in messages]
    try:
        encoded = tokenizer.apply_chat_template(plain, add_generation_prompt=True, return_dict=True)
    except TemplateError as error:
        raise refusal(messages, str(error), partial(_accepts, tokenizer)) from error
    return list(encoded["input_ids"])


def _accepts(tokenizer: Any, messages: Messages) -> bool:
    try:
        tokenizer.apply_chat_template([dict(message) for message in messages], tokenize=False)
    except TemplateError:
        return False
    return True


def generate(
    loaded: LoadedModel, request: Generate, send: Callable[[Token], None], *, cancelled: Callable[[], bool]
) -> Done:
    """Answer `request` in pieces to `send`; `cancelled` is asked at every layer of every token."""
    started = time.monotonic()
    prompt = _prompt_ids(loaded.tokenizer, request.messages)
    room = _room(loaded.model, len(prompt))
    sampling = request.sampling
    watch = StopWatch(sampling.stop, lambda text: send(Token(id=request.id, text=text)))
    pieces = TextPieces(loaded.tokenizer, watch.put, guard=sampling.guard_repetition)
    limit = min(sampling.max_new_tokens, room)
    ended: FinishReason | None = None
    try:
        with loaded.speaking_as(request.voice), loaded.brake.while_answering(cancelled):
            _run(loaded, sampling, prompt, limit, pieces)
    except AnswerEndedError as reason:
        ended = reason.reason
    if ended != "stop_string":
        ended = _say_the_rest(pieces, watch, ended)
    stopped = bool(pieces.ids) and pieces.ids[-1] in loaded.end_tokens
    return Done(
        id=request.id,
        prompt_tokens=len(prompt),
        tokens=len(pieces.ids),
        seconds=time.monotonic() - started,
        finish_reason=ended or ("stop" if stopped else "length"),
    )


def _say_the_rest(pieces: "TextPieces", watch: StopWatch, ended: FinishReason | None) -> FinishReason | None:
    """Send what was held back; the very last piece may be what ends the answer."""
    try:
        pieces.finish()
        watch.finish()
    except AnswerEndedError as reason:
        return reason.reason
    return ended


def _run(
    loaded: LoadedModel,
    sampling: Sampling,
    prompt: list[int],
    limit: int,
    pieces: "TextPieces",
) -> None:
    if sampling.temperature > 0:
        _seeds.set(sampling.seed)
    ids = torch.tensor([prompt], device=loaded.device)  # [batch = 1, seq]
    # The penalty is for the answer's own tokens. Counting the prompt's, as `generate` does by itself, would
    # penalise its end-of-turn token, and answers would not end.
    penalty = RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty, prompt_ignore_length=len(prompt))
    with (
        torch.inference_mode()
    ):  # `generate` itself has no more than `no_grad`, under which each step costs more
        loaded.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            generation_config=_known_settings(loaded, sampling, limit),
            logits_processor=[penalty],
            streamer=pieces,
        )


def _known_settings(loaded: LoadedModel, sampling: Sampling, limit: int) -> Any:
    key = (sampling, limit)
    if key not in loaded.settings:
        loaded.settings.clear()
        loaded.settings[key] = _settings(loaded, sampling, limit)
    return loaded.settings[key]


def _settings(loaded: LoadedModel, sampling: Sampling, limit: int) -> Any:
    """The model's own generation settings with ours put in."""
    settings = copy.deepcopy(loaded.generation_config)
    greedy = sampling.temperature <= 0
    chosen = {"top_p": sampling.top_p, "top_k": sampling.top_k, "min_p": sampling.min_p}
    settings.update(
        do_sample=not greedy,
        temperature=1.0 if greedy else sampling.temperature,
        max_new_tokens=limit,
        max_length=None,
        min_length=0,
        min_new_tokens=None,
        num_beams=1,
        num_return_sequences=1,
        repetition_penalty=1.0,
        use_cache=True,
        eos_token_id=sorted(loaded.end_tokens) or None,
        pad_token_id=loaded.tokenizer.pad_token_id if loaded.tokenizer.pad_token_id is not None else 0,
    )
    if greedy:
        settings.update(top_p=1.0, top_k=50, min_p=None)
    else:
        settings.update(**{name: value for name, value in chosen.items() if value is not None})
    return settings


class _Seeds:
    """Without a seed every answer is a new draw, also after one that had a seed."""

    def __init__(self) -> None:
        self._is_known = True  # torch itself starts from the same one in each process

    def set(self, seed: int | None) -> None:
        if seed is not None:
            torch.manual_seed(seed)
            self._is_known = True
        elif self._is_known:
            torch.seed()
            self._is_known = False


_seeds = _Seeds()


def _room(model: Any, prompt_tokens: int) -> int:
    """How many tokens the answer may have before the model's context is full."""
    config = model.config.get_text_config()
    context: int = getattr(config, "max_position_embeddings", None) or 2**31
    if prompt_tokens >= context:
        raise NotTakenError(
            f"The prompt is {prompt_tokens} tokens long, and this model reads at most {context}.",
            "Shorten the prompt.",
        )
    return context - prompt_tokens


class TextPieces:
    """Turns the tokens of an answer into pieces of text; a streamer for `generate`.

    A token is decoded together with the ones of the piece before it, because a tokenizer may drop the space
    in front of the first token it is given. Text that ends in the middle of a character waits for its rest.
    """

    def __init__(self, tokenizer: Any, send: Callable[[str], None], *, guard: bool = False) -> None:
        """`guard` ends an answer that goes round in circles, by an AnswerEndedError."""
        self.ids: list[int] = []
        self._guard = guard
        self._tokenizer = tokenizer
        self._send = send
        self._prompt_seen = False
        self._known_from = 0
        self._known_to = 0
        """Tokens `_known_from`..`_known_to` are the ones of the last piece sent."""

    def put(self, tokens: Any) -> None:
        """Called by `generate`: first with the prompt, then with each new token."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        self.ids.extend(tokens.flatten().tolist())
        self._send_new(whole_characters=True)
        if self._guard and len(self.ids) % CHECKED_EVERY == 0 and goes_round(self.ids):
            raise AnswerEndedError("repetition")

    def end(self) -> None:
        """Called by `generate` at the end; `finish` does the work, also after a cancelled one."""

    def finish(self) -> None:
        """Send what still waited for the rest of a character."""
        self._send_new(whole_characters=False)

    def _send_new(self, *, whole_characters: bool) -> None:
        known = self._decode(self.ids[self._known_from : self._known_to])
        text = self._decode(self.ids[self._known_from :])
        if len(text) <= len(known) or (whole_characters and text.endswith("\ufffd")):
            return
        self._known_from, self._known_to = self._known_to, len(self.ids)
        self._send(text[len(known) :])

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text
