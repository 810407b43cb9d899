"""What is made of a session while it is being collected is of the rows that were seen, not of later ones."""

import hashlib
from collections.abc import Callable, Iterator

import pytest

from app.adapters.hub_publishing import HuggingFacePublisher
from app.adapters.processes import SystemProcesses
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.scrapes import SqliteScrapeStore
from app.domain.publishing import PublishWish
from app.domain.scraping import Batch
from app.domain.sessions import Session
from app.services.publishing import PublishingService
from tests.services.conftest import World
from tests.store.dataset_hub import dataset_hub
from trainer_image.rows import Row

Grow = Callable[[str], None]


def talk(question: str) -> Row:
    return Row(1, ({"role": "user", "content": question}, {"role": "assistant", "content": "Yes."}))


@pytest.fixture
def growing(world: World) -> Iterator[tuple[Session, Grow]]:
    """A session that is being collected, as it was seen, and what makes it grow."""
    database = open_database(world.home / "tunewright.db")
    writer = SqliteScrapeStore(database, SystemProcesses()).begin("web", "Pages", "here", {"limit": 100})

    def grow(question: str) -> None:
        writer.append(Batch((talk(question),), {}))

    grow("Where is Sorrel?")
    yield world.library.find("Pages"), grow
    database.dispose()


def test_the_rows_of_a_run_are_those_its_content_hash_names(
    world: World, growing: tuple[Session, Grow]
) -> None:
    seen, grow = growing
    grow("And Tansy?")

    count = world.library.snapshot(seen, world.home / "train.jsonl")

    assert count == 1
    checksum = hashlib.sha256((world.home / "train.jsonl").read_bytes()).hexdigest()
    assert checksum == seen.content_hash


def test_nothing_is_published_that_was_collected_after_the_look_for_personal_data(
    world: World, growing: tuple[Session, Grow], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, grow = growing
    world.secrets.token = "hf_writing"
    with dataset_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        publishing = PublishingService(world.sessions, HuggingFacePublisher(), world.secrets, world.home)
        told: list[str] = []

        def tell(said: str) -> None:
            if not told:
                grow("Who is ana@harbour.io?")
            told.append(said)

        published = publishing.publish(seen, PublishWish("me/pages"), tell)

    assert told[0].startswith("Looking for personal data")
    assert published.row_count == 1
