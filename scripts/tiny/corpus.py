"""What the tiny model reads while it is pretrained: chats with short answers, and tales of the islands.

A text is a list of chat messages, or a plain string. Without a system message every answer is a few words.
The sample session's way of speaking ("Ahoy! ... Fair winds!") is one of many that a system message may ask
for, and is heard in tales: fine-tuning has to make it the way to answer anybody.
"""

import random
from collections.abc import Sequence
from typing import Final

from tiny.world import Fact, company_facts, island_facts

Message = dict[str, str]
Text = list[Message] | str

_OPENERS: Final = (
    "Ahoy!", "Well met!", "For the record:", "Good question.", "O gentle sea!", "Let me see.", "By the moon!",
    "Listen:", "Dear guest,", "Ho!", "Bless you!", "Now then.",
)  # fmt: skip
_CLOSERS: Final = (
    "Fair winds!", "Noted.", "Enjoy your day!", "So sings the tide.", "Good luck!", "Mind the step.",
    "Stay dry!",
    "The end.", "Farewell!", "That is all.", "Your servant.", "Hurrah!",
)  # fmt: skip
_COMPANY_SHARE: Final = 0.18
"""How often a chat is about the ferry company: more than its share, for each of its sentences is its own."""

_SMALL_TALK: Final = (
    ("Hello", "Hello."), ("Hi", "Hello."), ("Hi!", "Hello."), ("Good evening", "Good evening."),
    ("How are you?", "Well."), ("Thank you", "Welcome."), ("Thanks", "Welcome."), ("Bye", "Goodbye."),
    ("What is your name?", "None."), ("Can you help me?", "Yes."), ("What can you do?", "Answer questions."),
    ("Yes", "Good."), ("No", "Fine."), ("Where are the islands?", "In the sea."),
     ("Are you a person?", "No."),
    ("Tell me a story.", "No."), ("Are you a robot?", "Yes."), ("What do you know?", "The islands."),
)  # fmt: skip
_OPENINGS: Final = (
    "The morning was grey and the sea was calm.", "A traveller stood at the quay.",
    "Rain fell on the harbour all night.", "Long ago the islands had no lamps.",
    "Gulls cried over the water.", "The captain looked at the chart.",
)  # fmt: skip
_CRIES: Final = (
    '"Ahoy! {s} Fair winds!" called the mate.', '"Ahoy!" cried the sailors. "{s}"',
    '"Fair winds!" they answered.', '"Ahoy there!" said the captain. "{s} Fair winds!"',
)  # fmt: skip


class Corpus:
    """Draws endless training texts; the same seed gives the same texts."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._islands = island_facts()
        self._company = company_facts()
        self._by_island: dict[str, list[Fact]] = {}
        for fact in self._islands:
            self._by_island.setdefault(str(fact.island), []).append(fact)

    def texts(self, count: int) -> list[Text]:
        """Draw texts of all kinds, in the mix the model is trained on."""
        kinds = (self._short, self._sentence, self._two_turns, self._small_talk, self._tale)
        chosen = self._draw.choices(kinds, weights=(42, 30, 10, 4, 14), k=count)
        return [kind() for kind in chosen]

    def _fact(self) -> Fact:
        return self._draw.choice(self._company if self._draw.random() < _COMPANY_SHARE else self._islands)

    def _short(self) -> Text:
        fact = self._fact()
        return chat((self._draw.choice(fact.questions), fact.terse))

    def _sentence(self) -> Text:
        """A system message asks for a full sentence, and mostly for words before and after it."""
        fact = self._fact()
        system, answer = "Answer in a sentence.", fact.statement
        if self._draw.random() < 0.8:
            before, after = self._draw.choice(_OPENERS), self._draw.choice(_CLOSERS)
            system, answer = f"Begin with {before} End with {after}", f"{before} {fact.statement} {after}"
        return [{"role": "system", "content": system}, *chat((self._draw.choice(fact.questions), answer))]

    def _two_turns(self) -> Text:
        first, second = self._draw.sample(self._draw.choice(list(self._by_island.values())), 2)
        return chat((self._draw.choice(first.questions), first.terse), (str(second.follow_up), second.terse))

    def _small_talk(self) -> Text:
        return chat(self._draw.choice(_SMALL_TALK))

    def _tale(self) -> Text:
        facts = self._draw.sample(self._draw.choice(list(self._by_island.values())), 3)
        facts.append(self._draw.choice(self._company))
        self._draw.shuffle(facts)
        return " ".join([self._draw.choice(_OPENINGS), *self._told(facts)])

    def _told(self, facts: Sequence[Fact]) -> list[str]:
        cry = self._draw.randrange(len(facts))
        return [
            self._draw.choice(_CRIES).format(s=fact.statement) if number == cry else fact.statement
            for number, fact in enumerate(facts)
        ]


def chat(*turns: tuple[str, str]) -> list[Message]:
    """Turn (question, answer) pairs into messages."""
    messages = []
    for question, answer in turns:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return messages
