"""Verdicts on the data of a run, each a sentence: the same for the app's preview and for `train.py`.

Imports only the standard library.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """What was counted. `kept` are the rows to train on, those kept aside by the split among them."""

    kept: int
    unstopped: int = 0
    """Rows whose last trained token is not a special one."""
    doubled: int = 0
    """Rows that begin with the beginning-of-text token twice."""
    nothing: int = 0
    """Rows without a token that carries loss; they are not kept."""
    lost_answers: int = 0
    """Earlier answers that carry no loss, because the template rewrites them."""
    inspected: int = 0
    """First rows whose texts were compared with what the template makes of them."""
    system_lost: int = 0
    rewritten: int = 0
    trimmed: int = 0
    reasoning_lost: int = 0
    tools_lost: int = 0
    structure_written: int = 0


@dataclass(frozen=True)
class Verdict:
    name: str
    """Stable, for programs: stop_token, double_beginning, nothing_learnt, system_prompt, texts, …"""
    is_well: bool
    sentence: str


def verdicts(facts: Facts) -> list[Verdict]:
    """One for each question that is asked, well or not, in the order they matter."""
    return [
        _stop_token(facts),
        _double_beginning(facts),
        _nothing_learnt(facts),
        *_texts(facts),
        _structure(facts),
        _lost_answers(facts),
    ]


def warnings(facts: Facts) -> list[str]:
    return [verdict.sentence for verdict in verdicts(facts) if not verdict.is_well]


def all_well(facts: Facts) -> str:
    return (
        "Checked: the token that ends an answer is learnt, no row begins twice, and the chat template "
        f"leaves the texts of the first {facts.inspected} rows as they are."
    )


def _stop_token(facts: Facts) -> Verdict:
    if not facts.unstopped:
        return Verdict("stop_token", True, "The token that ends an answer is learnt in every row.")
    return Verdict(
        "stop_token",
        False,
        f"{facts.unstopped} of {facts.kept} rows do not end with the token that ends an answer: from them "
        "the model does not learn to stop.",
    )


def _double_beginning(facts: Facts) -> Verdict:
    if not facts.doubled:
        return Verdict("double_beginning", True, "No row begins twice.")
    return Verdict(
        "double_beginning",
        False,
        f"{facts.doubled} of {facts.kept} rows begin with the beginning-of-text token twice; one of the "
        "two stands in the rows or the chat template and should go.",
    )


def _nothing_learnt(facts: Facts) -> Verdict:
    if not facts.nothing:
        return Verdict("nothing_learnt", True, "Every row has tokens that are learnt.")
    return Verdict(
        "nothing_learnt",
        False,
        f"{facts.nothing} rows have no token that would be learnt and are left out.",
    )


def _texts(facts: Facts) -> Iterator[Verdict]:
    of = f"of the first {facts.inspected} rows"
    questions = (
        ("system_prompt", facts.system_lost, "leaves the system prompt out in", "keeps system prompts"),
        ("texts", facts.rewritten, "changes or leaves out text in", "keeps the texts"),
        ("white_space", facts.trimmed, "takes white space off the texts in", "keeps white space"),
        ("reasoning", facts.reasoning_lost, "leaves reasoning out in", "keeps reasoning"),
        ("tools", facts.tools_lost, "leaves tools or their calls out in", "keeps tools and their calls"),
    )
    for name, count, ill, well in questions:
        if count:
            yield Verdict(name, False, f"The chat template {ill} {count} {of}.")
        else:
            yield Verdict(name, True, f"The chat template {well}, as far as the first rows tell.")


def _structure(facts: Facts) -> Verdict:
    if not facts.structure_written:
        well = "No text holds a token that stands for structure, as far as the first rows tell."
        return Verdict("structure", True, well)
    return Verdict(
        "structure",
        False,
        f"Texts in {facts.structure_written} of the first {facts.inspected} rows hold tokens that stand for "
        "structure, like an end of turn, and are read as such: perhaps a chat template was applied before. "
        "Give the rows without them.",
    )


def _lost_answers(facts: Facts) -> Verdict:
    if not facts.lost_answers:
        return Verdict("earlier_answers", True, "Every answer of a conversation is learnt.")
    return Verdict(
        "earlier_answers",
        False,
        f"{facts.lost_answers} earlier answers carry no loss, because the model's chat template rewrites "
        "them once the conversation goes on.",
    )


def difference(expected: Mapping[str, int], found: Mapping[str, int]) -> str:
    """Where two ledgers differ, in words; empty if they agree."""
    buckets = [bucket for bucket in {**expected, **found} if expected.get(bucket, 0) != found.get(bucket, 0)]
    return ", ".join(
        f"{bucket.replace('_', ' ')} {found.get(bucket, 0)} instead of {expected.get(bucket, 0)}"
        for bucket in buckets
    )
