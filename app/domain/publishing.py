"""A session on the Hugging Face Hub: what is asked for, and the card that says what it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.hub import may_be_a_name
from app.domain.personal_data import KindFound
from app.domain.sessions import Session, SessionVersion

DATA_PATH: Final = "data/train.jsonl"
_SIZES: Final = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)  # fmt: skip


@dataclass(frozen=True)
class PublishWish:
    repo: str
    """"owner/name", or a name of one's own account."""
    is_private: bool = True
    license: str = ""
    """As the Hub names it ("cc-by-4.0"); empty: the card says that none is given."""
    update: bool = False
    """Whether a dataset of that name may be given these rows in the place of those it has."""

    @property
    def is_possible(self) -> bool:
        return may_be_a_name(self.repo)


@dataclass(frozen=True)
class Published:
    url: str
    row_count: int


def found_in_words(found: Sequence[KindFound]) -> str:
    """ "3 e-mail addresses in 2 rows, 1 …" """
    return ", ".join(
        f"{one.count:,} {one.label} in {one.row_count:,} {'row' if one.row_count == 1 else 'rows'}"
        for one in found
    )


def dataset_card(
    session: Session,
    versions: Sequence[SessionVersion],
    wish: PublishWish,
    found: Sequence[KindFound],
    licenses: Sequence[tuple[str, int]],
) -> str:
    """As the Hub reads it. `licenses` are those the rows name themselves, with how many do."""
    front = [
        "---",
        *([f"license: {wish.license}"] if wish.license else []),
        f"pretty_name: {_quoted(session.name)}",
        "task_categories:\n- text-generation",
        f"size_categories:\n- {_size(session.row_count)}",
        "tags:\n- chat\n- tunewright",
        f"configs:\n- config_name: default\n  data_files: {DATA_PATH}",
        "---",
    ]
    named = "\n".join(f"- {name}: {count:,} rows" for name, count in licenses)
    made = "\n".join(f"- Version {one.version}: {one.summary}" for one in reversed(versions))
    license_said = wish.license or "None is given: ask before you use it for anything."
    return f"""{chr(10).join(front)}
# {session.name}

{session.row_count:,} rows for fine-tuning language models.

## Source

{session.source}

## Format

`{DATA_PATH}`: a JSON object a line. `messages` is a chat (`role`, `content`, perhaps `tool_calls`); a row
that is a plain document has one message of the role `document`. `meta`, where a row has it, says where the
row is from.

## Licence

{license_said}
{f"{chr(10)}Licences that rows name themselves:{chr(10)}{chr(10)}{named}{chr(10)}" if named else ""}
## How it was made

Collected and edited with Tunewright.

{made}

SHA-256 of the rows' messages: `{session.content_hash}`.

## Personal data

{_said_of(found)}
"""


def _said_of(found: Sequence[KindFound]) -> str:
    if not found:
        return "Searched for e-mail addresses, phone, card and account numbers, and keys: none was found."
    return f"Published knowingly with what looks like: {found_in_words(found)}."


def _size(rows: int) -> str:
    return next((name for most, name in _SIZES if rows < most), "n>10M")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
