"""A merge in plain Python over lists and dictionaries, written from the recipe's words alone."""

import json
import math
import random
from dataclasses import dataclass, field

from app.domain.merging import Fate, MergeRecipe
from trainer_image.rows import Refused, Row


@dataclass
class Plain:
    """A row on its way."""

    source: int
    row: int
    messages: list[dict]
    text: str = field(init=False)

    def __post_init__(self) -> None:
        self.text = json.dumps(self.messages)

    @property
    def prompt(self) -> str | None:
        answers = [n for n, m in enumerate(self.messages) if m["role"] == "assistant"]
        return json.dumps(self.messages[: answers[-1]]) if answers else None

    @property
    def question(self) -> str:
        asked = json.loads(self.prompt or "[]")
        told = [
            (m["role"], " ".join(m["content"].split()).casefold()) for m in asked if m["role"] != "system"
        ]
        return json.dumps(told) if told else self.text


@dataclass
class Outcome:
    rows: list[tuple[int, int]]
    """Source and row, in order."""
    texts: list[str]
    fates: dict[tuple[int, int], Fate]


def merge(recipe: MergeRecipe, sources: list[list[Row | Refused]], held_out: list[Row]) -> Outcome:
    rows: list[Plain] = []
    fates: dict[tuple[int, int], Fate] = {}
    text = system_text(recipe, sources[0])
    for source, found in enumerate(sources):
        for item in found:
            if isinstance(item, Refused):
                fates[source, item.line] = Fate.REFUSED
            else:
                rows.append(Plain(source, item.line, under(recipe, list(item.messages), text)))

    def drop(fate: Fate, gone: list[Plain]) -> None:
        fates.update({(row.source, row.row): fate for row in gone})
        rows[:] = [row for row in rows if (row.source, row.row) not in fates]

    held = {Plain(-1, row.line, list(row.messages)).question for row in held_out}
    drop(Fate.LEAKED, [row for row in rows if row.question in held])
    if recipe.exact_duplicates:
        seen: set[str] = set()
        drop(Fate.DUPLICATE, [row for row in rows if row.text in seen or seen.add(row.text)])
    answers: dict[str, list[Plain]] = {}
    for row in rows:
        if row.prompt is not None:
            answers.setdefault(row.prompt, []).append(row)
    disputed = [group for group in answers.values() if len({row.text for row in group}) > 1]
    if recipe.conflicts == "drop":
        drop(Fate.CONFLICT, [row for group in disputed for row in group])
    if recipe.conflicts == "first":
        drop(Fate.CONFLICT, [row for group in disputed for row in group if row.text != group[0].text])

    dice = random.Random(recipe.seed)
    drawn = {id(row): dice.random() if recipe.shuffle else n for n, row in enumerate(rows)}
    queues = [
        sorted((row for row in rows if row.source == source), key=lambda row: drawn[id(row)])
        for source in range(len(sources))
    ]
    for queue, source in zip(queues, recipe.sources, strict=True):
        most = math.ceil(len(queue) * source.share) if source.share else len(queue)
        limit = min(most, source.cap or most)
        drop(Fate.CAPPED, queue[limit:])
        del queue[limit:]
    if recipe.how == "concatenate":
        ordered = sorted(rows, key=lambda row: drawn[id(row)])
    else:
        ordered, rest = in_turn(recipe, queues)
        drop(Fate.LEFT_OVER, rest)
    return Outcome([(row.source, row.row) for row in ordered], [row.text for row in ordered], fates)


def in_turn(recipe: MergeRecipe, queues: list[list[Plain]]) -> tuple[list[Plain], list[Plain]]:
    """Whoever lags furthest behind the share that is due to them goes next."""
    queues = [list(queue) for queue in queues]
    given = [0] * len(queues)
    ordered: list[Plain] = []
    due = [math.inf if not queue else 0.5 / s.weight for queue, s in zip(queues, recipe.sources, strict=True)]
    end = math.inf
    while any(queues):
        source = min(range(len(queues)), key=lambda n: (due[n], n))
        if due[source] > end:
            break
        ordered.append(queues[source].pop(0))
        given[source] += 1
        if not queues[source] and recipe.until == "first":
            end = min(end, due[source])
        due[source] = (
            math.inf if not queues[source] else (given[source] + 0.5) / recipe.sources[source].weight
        )
    return ordered, [row for queue in queues for row in queue]


def system_text(recipe: MergeRecipe, first: list[Row | Refused]) -> str:
    if recipe.system != "first":
        return recipe.system_text.strip() if recipe.system == "text" else ""
    systems = [
        row.messages[0]["content"]
        for row in first
        if isinstance(row, Row) and row.messages[0]["role"] == "system"
    ]
    return systems[0]


def under(recipe: MergeRecipe, messages: list[dict], text: str) -> list[dict]:
    if recipe.system == "keep" or messages[0]["role"] == "document":
        return messages
    rest = [message for message in messages if message["role"] != "system"]
    return [{"role": "system", "content": text}, *rest] if text else rest
