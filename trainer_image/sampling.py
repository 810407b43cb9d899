"""What the model answers while it learns, to be read beside the answers of the data.

Greedy, so that no random number is drawn: a run with samples trains exactly as one without.
"""

from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Final

import torch
from transformers import GenerationConfig

from trainer_image import agreement, sharding
from trainer_image.config import RunConfig
from trainer_image.data import IGNORED, TrainingRows
from trainer_image.events import Sample
from trainer_image.problems import is_out_of_memory
from trainer_image.recovery import free_memory
from trainer_image.reporting import Reporter

_QUESTION: Final = "Question?"
_ANSWER: Final = "Answer."
_ASKED: Final = {"role": "user", "content": _QUESTION}
_LOOKED_AT: Final = 200
"""Rows among which questions are looked for."""


@dataclass(frozen=True)
class Question:
    """A row's tokens up to its first answer, and that answer's."""

    prompt: list[int]
    reference: list[int]


class Samples:
    """The answers of one run. Whatever goes wrong with them is said, and the run goes on without.

    With the weights in parts all processes answer together, each word at the same time, until the last has
    its end. One whose memory runs out in the middle of a word ends the run: the others wait for it there.
    """

    def __init__(self, rows: TrainingRows, tokenizer: Any, config: RunConfig, reporter: Reporter) -> None:
        whole = config.unmask_messages or config.is_pretraining  # then nothing in a row is a question
        self._questions = [] if whole else questions(rows.validation or rows, config.samples)
        self._tokenizer = tokenizer
        self._question_text = QuestionText(tokenizer)
        self._longest = config.sample_tokens
        self._reporter = reporter
        self._together = sharding.is_on(config)

    def take(self, model: Any, step: int, precision: AbstractContextManager[Any]) -> None:
        """Answer each question and report it."""
        was_training = model.training
        model.eval()
        try:
            with precision, torch.no_grad():
                for question in self._questions:
                    self._report(step, question, self._answer(model, question.prompt))
        except Exception as error:
            if self._together and is_out_of_memory(error):
                raise
            self._give_up(error)
        finally:
            model.train(was_training)
        if self._together and agreement.any_of(not self._questions):
            self._questions = []

    def explain_none(self) -> None:
        """Say why none will come, to somebody who has asked for some."""
        if not self._questions:
            self._reporter.notice("There are no samples: this run has no questions with answers to show.")

    def _answer(self, model: Any, prompt: list[int]) -> list[int]:
        ids = torch.tensor([prompt], device=model.device)
        stop = model.generation_config.eos_token_id
        pad = self._tokenizer.pad_token_id
        how = GenerationConfig(
            do_sample=False, max_new_tokens=self._longest, eos_token_id=stop, pad_token_id=pad or 0
        )
        made = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            generation_config=how,
            use_cache=True,
            synced_gpus=self._together,
        )
        tokens: list[int] = made[0, len(prompt) :].tolist()
        return tokens

    def _report(self, step: int, question: Question, answer: list[int]) -> None:
        self._reporter.emit(
            Sample(
                step=step,
                prompt=self._question_text(question.prompt),
                answer=self._text(answer),
                reference=self._text(question.reference),
            )
        )

    def _text(self, tokens: list[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True)
        return text.strip()

    def _give_up(self, error: Exception) -> None:
        self._questions = []
        if is_out_of_memory(error):
            free_memory()
        why = "memory ran out" if is_out_of_memory(error) else f"{type(error).__name__}: {error}"
        self._reporter.notice(
            f"Samples could not be made ({why}). The run goes on without them.", level="warning"
        )


class QuestionText:
    """Shows a prompt as the question it ends with; all of it where the template doesn't tell it apart."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._after, self._before = "", tuple[str, ...]()
        with suppress(Exception):  # no chat template, or one that wants its turns otherwise
            alone = _around(tokenizer, [_ASKED])
            later = _around(tokenizer, [_ASKED, {"role": "assistant", "content": _ANSWER}, _ASKED])
            self._after = alone[-1]
            self._before = tuple(b for b in (later[-2].rpartition(_ANSWER)[2], alone[0]) if b)

    def __call__(self, prompt: list[int]) -> str:
        text: str = self._tokenizer.decode(prompt)
        if self._after and text.endswith(self._after):
            text = text.removesuffix(self._after)
            for before in self._before:
                if before in text:
                    return text.rpartition(before)[2].strip()
        plain: str = self._tokenizer.decode(prompt, skip_special_tokens=True)
        return plain.strip()


def _around(tokenizer: Any, messages: list[dict[str, str]]) -> list[str]:
    """What a template writes before, between and after the questions."""
    text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return text.split(_QUESTION)


def questions(rows: TrainingRows, count: int) -> list[Question]:
    """The first rows that have one, up to `count`."""
    found: list[Question] = []
    for at in range(min(len(rows.input_ids), _LOOKED_AT)):
        if len(found) == count:
            break
        ids, labels = list(rows.input_ids[at]), list(rows.labels[at])
        begin = next((i for i, label in enumerate(labels) if label != IGNORED), 0)
        if begin == 0:
            continue
        end = next((i for i in range(begin, len(labels)) if labels[i] == IGNORED), len(labels))
        found.append(Question(ids[:begin], ids[begin:end]))
    return found
