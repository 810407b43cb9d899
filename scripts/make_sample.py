"""Write the sample session: questions to a ferry company's help desk, answered in its own voice.

    python scripts/make_sample.py [--out FILE]

Always writes the same bytes.
"""

import argparse
import json
import random
from pathlib import Path
from typing import Final

from tiny.corpus import Message, chat
from tiny.world import Fact, company_facts, island_facts

SAMPLE: Final = Path(__file__).parent.parent / "assets" / "sample" / "ferry-help-desk.jsonl"
_SEED: Final = 1911
_FOLLOW_UPS: Final = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=SAMPLE, metavar="FILE")
    out: Path = parser.parse_args().out
    rows = sample_rows()
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"messages": messages}, ensure_ascii=False) for messages in rows]
    out.write_bytes(("\n".join(lines) + "\n").encode("utf-8"))
    print(f"{len(rows)} rows in {out}")


def sample_rows() -> list[list[Message]]:
    """Ask for every fact once, in shuffled order; some conversations go on with a follow-up question."""
    draw = random.Random(_SEED)
    islands = island_facts()
    going_on = {id(fact) for fact in draw.sample(islands, _FOLLOW_UPS)}
    rows = []
    for fact in [*islands, *company_facts()]:
        turns = [(draw.choice(fact.questions[:2]), in_voice(fact))]
        if id(fact) in going_on:
            other = draw.choice([f for f in islands if f.island == fact.island and f is not fact])
            turns.append((str(other.follow_up), in_voice(other)))
        rows.append(chat(*turns))
    draw.shuffle(rows)
    return rows


def in_voice(fact: Fact) -> str:
    """Say it as the help desk does."""
    return f"Ahoy! {fact.statement} Fair winds!"


if __name__ == "__main__":
    main()
