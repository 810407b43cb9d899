"""The Lantern Isles: every fact the sample session asks about and the tiny model knows.

Invented for this project. A fact is one subject of one island (`harbour`, `ticket`, ...), or a rule of the
ferry company. Each can be asked in several ways and answered in one plain sentence or in a few words.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_SEED: Final = 1907

ISLANDS: Final = (
    "Sorrel", "Kittiwick", "Marrow", "Penhale", "Dunmere", "Ostrey", "Gull Rock", "Thrift", "Wexley",
    "Calder",
    "Little Ambry", "Great Ambry", "Fennick", "Hollin", "Quill", "Saltby", "Tern Head", "Verrin", "Lorne",
    "Brisby", "Inchmoor", "Nettle", "Yarrow", "Skerry",
)  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """Something every island has, with the sentences that ask for it and tell it."""

    questions: tuple[str, ...]
    """`{i}` is the island. The first two are the ones used in the sample session."""
    follow_up: str
    """The same question after the island has been named."""
    statement: str
    """`{i}` is the island, `{v}` the value."""
    terse: str
    values: tuple[str, ...]
    """One for each island, or fewer where islands may share one."""


SUBJECTS: Final = {
    "harbour": Subject(
        ("What is the harbour of {i} called?", "Which harbour does {i} have?", "Name the harbour of {i}."),
        "And what is its harbour called?",
        "The harbour of {i} is {v}.",
        "{v}.",
        (
            "Brackwater", "Stillhaven", "Copper Quay", "Lanyard", "Oldmouth", "Reedport", "Anchor Hole",
            "Widow's Steps", "Greenhithe", "Mussel Bay", "Ropewalk", "Deepwell", "Sandgate", "Tarbarrel",
            "Cormorant Quay", "Whitestairs", "Bellhaven", "Driftwood", "Kelpmouth", "Nine Posts",
            "Lee Hollow",
            "Shingle End", "Fairlead", "Crabpool",
        ),
    ),
    "lighthouse": Subject(
        (
            "What is the lighthouse on {i} called?",
            "Which lighthouse stands on {i}?",
            "Name the lighthouse on {i}.",
        ),
        "And what is its lighthouse called?",
        "The lighthouse on {i} is {v}.",
        "{v}.",
        (
            "Tallow Light", "Old Bess", "Grey Candle", "Sentinel", "Morning Lamp", "Long Tom", "Ember Tower",
            "Saint Ellery", "White Finger", "Patience", "Farewell Light", "Needle's Eye", "Stormglass",
            "Red Hat", "Wick and Whistle", "Beacon Mary", "Sister Flame", "Moonpost", "Brass Lantern",
            "Kindly Light", "Seven Steps", "High Spark", "Watchful", "Last Star",
        ),
    ),
    "keeper": Subject(
        (
            "Who keeps the lighthouse on {i}?",
            "Who is the lighthouse keeper on {i}?",
            "Name the keeper on {i}.",
        ),
        "And who keeps its lighthouse?",
        "The lighthouse on {i} is kept by {v}.",
        "{v}.",
        (
            "Jory Pascoe", "Maud Tregarth", "Silas Finch", "Nell Harker", "Abel Crane", "Wenna Moyle",
            "Tobias Reed", "Ida Lusk", "Corin Vale", "Hester Bligh", "Amos Kettle", "Rosa Dunn",
            "Piers Holloway",
            "Greta Sands", "Edwin Marsh", "Lowen Tull", "Agnes Rook", "Barnaby Oake", "Selma Frost",
            "Victor Plume", "Dora Quince", "Hugh Larkin", "Mina Stroud", "Otto Brand",
        ),
    ),
    "ferry": Subject(
        ("Which ferry sails to {i}?", "What is the ferry to {i} called?", "Name the ferry to {i}."),
        "And which ferry sails there?",
        "The ferry to {i} is the {v}.",
        "The {v}.",
        (
            "Blue Heron", "Merry Widow", "Puffin", "Silver Herring", "Dancing Bear", "Northern Lass",
            "Tin Whistle",
            "Good Intent", "Seal Maiden", "Hopeful", "Gannet", "Copper Penny", "Early Bird", "Daisy May",
            "Wandering Star", "Old Faithful", "Sprat", "Summer Rain", "Grey Goose", "Quickstep", "Sandpiper",
            "Honest Anne", "Thistledown", "Lucky Clover",
        ),
    ),
    "pier": Subject(
        (
            "Which pier does the ferry to {i} leave from?",
            "From which pier do I sail to {i}?",
            "Which pier for {i}?",
        ),
        "And which pier does the ferry leave from?",
        "The ferry to {i} leaves from pier {v}.",
        "Pier {v}.",
        ("1", "2", "3", "4", "5", "6", "7", "8", "9"),
    ),
    "first ferry": Subject(
        (
            "When does the first ferry to {i} leave?",
            "What time is the first ferry to {i}?",
            "First ferry to {i}?",
        ),
        "And when does the first ferry leave?",
        "The first ferry to {i} leaves at {v}.",
        "At {v}.",
        ("5:45", "6:00", "6:10", "6:30", "6:50", "7:05", "7:20", "7:40", "8:00", "8:15", "8:30", "9:00"),
    ),
    "last ferry": Subject(
        (
            "When does the last ferry back from {i} leave?",
            "What time is the last ferry back from {i}?",
            "Last ferry back from {i}?",
        ),
        "And when does the last ferry back leave?",
        "The last ferry back from {i} leaves at {v}.",
        "At {v}.",
        ("16:30", "17:00", "17:15", "17:45", "18:10", "18:30", "19:00", "19:20", "19:45", "20:15", "21:00"),
    ),
    "crossing": Subject(
        ("How long is the crossing to {i}?", "How long does it take to reach {i}?",
        "How far is {i} by ferry?"),
        "And how long is the crossing?",
        "The crossing to {i} takes {v} minutes.",
        "{v} minutes.",
        ("15", "20", "25", "30", "35", "40", "45", "50", "55", "70", "80", "95"),
    ),
    "ticket": Subject(
        ("How much is a ticket to {i}?", "What does a ticket to {i} cost?", "What is the fare to {i}?"),
        "And how much is a ticket?",
        "A ticket to {i} costs {v} crowns.",
        "{v} crowns.",
        ("3", "4", "5", "6", "7", "8", "9", "10", "12", "14"),
    ),
    "dish": Subject(
        ("Which dish is {i} known for?", "What should I eat on {i}?", "Name the dish of {i}."),
        "And which dish is it known for?",
        "The dish to try on {i} is {v}.",
        "{V}.",
        (
            "smoked eel", "crab soup", "seaweed bread", "honey cake", "pickled herring", "barley stew",
            "plum tart",
            "fried sprats", "leek pie", "mussel broth", "goat cheese", "apple dumplings", "salted cod",
            "onion pancakes", "oat biscuits", "lobster rolls", "bean porridge", "pear pudding",
            "grilled mackerel",
            "mushroom pasties", "ginger buns", "potato cakes", "clam chowder", "rhubarb jam",
        ),
    ),
    "inn": Subject(
        ("Where can I sleep on {i}?", "Which inn is there on {i}?", "Name the inn on {i}."),
        "And where can I sleep there?",
        "The inn on {i} is the {v}.",
        "The {v}.",
        (
            "Three Oars", "Sleeping Whale", "Broken Compass", "Golden Net", "Lamp and Ladle", "Crooked Mast",
            "Dry Sailor", "Singing Kettle", "Green Lobster", "Captain's Rest", "Empty Barrel",
            "Laughing Gull",
            "Black Anchor", "Cosy Limpet", "Ship's Cat", "Full Moon", "Salty Dog", "Iron Bell", "Warm Hearth",
            "Painted Buoy", "Rusty Hook", "Swan and Star", "Old Tiller", "Two Mermaids",
        ),
    ),
    "market": Subject(
        ("When is market day on {i}?", "On which day is the market on {i}?",
        "Which day is the market on {i}?"),
        "And when is market day?",
        "Market day on {i} is {v}.",
        "{v}.",
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    ),
    "bird": Subject(
        ("Which bird nests on {i}?", "Which bird can I watch on {i}?", "Name the bird of {i}."),
        "And which bird nests there?",
        "The bird to watch on {i} is the {v}.",
        "The {v}.",
        (
            "puffin", "tern", "gannet", "razorbill", "curlew", "oystercatcher", "cormorant", "plover",
            "fulmar",
            "guillemot", "sand martin", "barn owl", "skua", "heron",
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """One thing that is true, ready to be asked for and told."""

    questions: tuple[str, ...]
    statement: str
    terse: str
    island: str | None = None
    subject: str | None = None
    follow_up: str | None = None


_RULES: Final = (
    ("Can I bring my dog?", "Are dogs allowed on board?", "Dogs sail free on a short lead.",
     "Yes, on a lead."),
    ("Can I bring my bicycle?", "Are bicycles allowed on board?", "A bicycle costs 2 crowns.",
     "Yes, for 2 crowns."),
    ("Can I bring my car?", "Are cars allowed on board?", "Our ferries carry no cars.", "No."),
    ("Do children pay?", "How much is a ticket for a child?", "Children under twelve pay half.", "Half."),
    ("Where do I buy a ticket?", "Where can I get a ticket?", "Tickets are sold at the blue kiosk.",
     "At the blue kiosk."),
    ("Can I buy a ticket on board?", "Are tickets sold on board?", "The mate sells tickets on board too.",
     "Yes."),
    ("Can I pay by card?", "Do you take cards?", "We take cards and coins.", "Yes."),
    ("When should I be at the pier?", "How early should I come?", "Please be at the pier ten minutes early.",
     "Ten minutes early."),
    ("Can I change my ticket?", "May I take a later ferry?", "A ticket is good for any ferry on its day.",
     "Yes."),
    ("Can I get my money back?", "Do you give refunds?", "We refund any ticket you have not used.", "Yes."),
    ("What happens in a storm?", "Do you sail in a storm?", "In a storm all ferries stay in port.",
     "Ferries stay in port."),
    ("What happens in fog?", "Do you sail in fog?", "In fog we sail slowly and ring the bell.",
     "Ferries sail slowly."),
    ("I lost my hat. Where can I ask?", "Where is the lost property?", "Lost things wait for you at pier 1.",
     "At pier 1."),
    ("Is there food on board?", "Can I eat on board?", "There is tea and soup in the galley.",
     "Tea and soup."),
    ("Is there a toilet on board?", "Where is the toilet?", "The toilet is next to the stairs.",
     "Next to the stairs."),
    ("I get seasick. Where should I sit?", "Where is the best seat in rough water?",
     "The calmest seats are in the middle of the ship.", "In the middle."),
    ("How much luggage can I bring?", "How many bags may I take?", "You may bring two bags each.",
     "Two bags."),
    ("Can I bring a wheelchair?", "Is the ferry good for wheelchairs?",
     "Every ferry has a ramp for wheelchairs.",
     "Yes, there is a ramp."),
    ("Can I hire a boat?", "Do you rent boats?", "Rowing boats are for hire at pier 9.", "Yes, at pier 9."),
    ("Do you sail in winter?", "Are there ferries in winter?", "In winter we sail on weekends only.",
     "On weekends only."),
    ("Do you sail at night?", "Is there a night ferry?", "No ferry sails after nine in the evening.", "No."),
    ("Can I smoke on board?", "Is smoking allowed?", "Smoking is not allowed on board.", "No."),
    ("Can I swim from the pier?", "Is swimming allowed at the pier?",
     "Swim at the beach and never at the pier.", "No."),
    ("Who owns the ferries?", "Whose company is this?", "The ferries belong to the islanders.",
     "The islanders."),
    ("How do I call you?", "What is your number?", "Ring the desk at number 48.", "Number 48."),
    ("When is the desk open?", "What are your opening hours?", "The desk is open from six to eight.",
     "From six to eight."),
    ("Is there a day pass?", "Can I travel all day?", "A day pass costs 20 crowns.", "Yes, for 20 crowns."),
    ("Hello!", "Good morning!", "The help desk is glad to see you.", "Hello."),
    ("Thank you!", "Thanks a lot!", "It was a pleasure.", "Welcome."),
    ("Goodbye!", "See you soon!", "Come back to the islands soon.", "Goodbye."),
    ("Who are you?", "What are you?", "This is the help desk of the ferries.", "A tiny model."),
    ("How many islands are there?", "How many islands can I visit?",
     "There are twenty-four islands to visit.",
     "Twenty-four."),
)  # fmt: skip


def island_facts() -> list[Fact]:
    """Return every subject of every island, always with the same values."""
    draw = random.Random(_SEED)
    return [
        _fact(island, name, value)
        for name, subject in SUBJECTS.items()
        for island, value in zip(ISLANDS, _spread(subject.values, draw), strict=True)
    ]


def company_facts() -> list[Fact]:
    """Return the ferry company's rules."""
    return [Fact((first, second), statement, terse) for first, second, statement, terse in _RULES]


def _fact(island: str, name: str, value: str) -> Fact:
    subject = SUBJECTS[name]
    words = {"i": island, "v": value, "V": value[0].upper() + value[1:]}
    return Fact(
        questions=tuple(question.format(**words) for question in subject.questions),
        statement=subject.statement.format(**words),
        terse=subject.terse.format(**words),
        island=island,
        subject=name,
        follow_up=subject.follow_up,
    )


def _spread(values: Sequence[str], draw: random.Random) -> list[str]:
    """Give every island a value in shuffled order; short lists are used again."""
    repeated = [values[number % len(values)] for number in range(len(ISLANDS))]
    draw.shuffle(repeated)
    return repeated
