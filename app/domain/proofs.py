"""What a run has learnt and what it has forgotten: the base model against the tuned one, in numbers.

Prompts with a wanted answer come first; after them stand general ones, which no run was trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.answer_scores import is_exact, rouge_l
from app.domain.word_differences import likeness

GENERAL: Final = (
    "What is the capital of France?",
    "What is 17 + 25?",
    "Name the four seasons of the year.",
    "Translate into French: Good morning.",
    "Write one sentence about the sea.",
    "Which is heavier, a kilogram of iron or a kilogram of feathers?",
    "Who wrote Romeo and Juliet?",
    "Write a Python function that adds two numbers.",
    "What is the opposite of 'hot'?",
    "How many days does a leap year have?",
    "Say in one sentence what photosynthesis is.",
    "Continue: one, two, three, four,",
    "What colour do you get by mixing blue and yellow?",
    "Correct this sentence: She go to school yesterday.",
    "Is the number 91 prime? Explain briefly.",
    "Give three words that rhyme with 'light'.",
    "Which planet is closest to the sun?",
    "Write a polite sentence that declines an invitation.",
    "What does the proverb 'a stitch in time saves nine' mean?",
    "Sort these words by the alphabet: pear, apple, fig.",
)

Pair = tuple[str, str, str]
"""(prompt, answer of the base model, answer of the tuned one)."""


@dataclass(frozen=True)
class Proof:
    """What is known before any answer is given."""

    wanted: tuple[str, ...]
    """The answers of the data to the first prompts, in their order."""
    what_they_are: str
    """In a sentence: rows kept aside, or rows that were trained on."""
    loss: tuple[float, float] | None = None
    """On the rows kept aside, before and after training, as the run measured it."""


@dataclass(frozen=True)
class Score:
    """Of one side, over all prompts with a wanted answer."""

    exact: int
    rouge_l: float
    """The mean, from 0 to 1."""


@dataclass(frozen=True)
class Findings:
    """What the answers show, as far as both sides have given them."""

    compared: int
    scores: tuple[Score, Score] | None
    general: int
    changed: int
    """General prompts that the two answer differently."""
    likeness: float
    """The mean share of words that both answers to a general prompt have in common."""


def findings(proof: Proof, pairs: Sequence[tuple[int, Pair]]) -> Findings:
    """`pairs` with the places of their prompts; those that have no answer yet are missing."""
    held = [(proof.wanted[at], pair) for at, pair in pairs if at < len(proof.wanted)]
    general = [pair for at, pair in pairs if at >= len(proof.wanted)]
    alike = [likeness(first, second) for _, first, second in general]
    return Findings(
        compared=len(held),
        scores=(_score(held, 1), _score(held, 2)) if held else None,
        general=len(general),
        changed=sum(first != second for _, first, second in general),
        likeness=sum(alike) / len(alike) if alike else 1.0,
    )


def _score(held: Sequence[tuple[str, Pair]], side: int) -> Score:
    return Score(
        sum(is_exact(pair[side], wanted) for wanted, pair in held),
        sum(rouge_l(pair[side], wanted) for wanted, pair in held) / len(held),
    )
