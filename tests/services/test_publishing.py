"""A session on the Hub: with its card, private, all of it or nothing, and nothing personal unnoticed."""

import json

import pytest
from huggingface_hub import DatasetCard

from app.adapters.hub_publishing import HuggingFacePublisher
from app.domain.errors import StudioError
from app.domain.publishing import PublishWish
from app.services.publishing import PublishCancelledError, PublishingService
from tests.store.dataset_hub import dataset_hub
from trainer_image.rows import Row

WISH = PublishWish("me/ferries")


def talk(question, answer="Yes."):
    return ({"role": "user", "content": question}, {"role": "assistant", "content": answer})


@pytest.fixture
def hub(monkeypatch):
    with dataset_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield hub


@pytest.fixture
def publishing(world, hub):
    world.secrets.token = "hf_writing"
    return PublishingService(world.sessions, HuggingFacePublisher(), world.secrets, world.home)


@pytest.fixture
def ferries(world):
    rows = [Row(n, talk(f"Does ferry {n} go?"), {"license": "cc-by-4.0"} if n else {}) for n in range(3)]
    return world.sessions.add('The "ferries"', "ferries.jsonl", iter(rows))


@pytest.fixture
def leaky(world):
    return world.sessions.add(
        "leaky", "x", iter([Row(1, talk("Who?")), Row(2, talk("Where?", "ana@harbour.io"))])
    )


def silent(_):
    pass


def test_a_session_is_published_private_with_a_card_the_hub_can_read(world, hub, publishing, ferries):
    told = []
    wish = PublishWish("me/ferries", license="cc-by-4.0")

    published = publishing.publish(ferries, wish, told.append)

    assert (published.url, published.row_count) == (f"{hub.address}/datasets/me/ferries", 3)
    assert (hub.repositories, hub.commits) == ({"me/ferries": True}, 1)
    card = DatasetCard(hub.files["README.md"].decode())
    assert (card.data.license, card.data.pretty_name) == ("cc-by-4.0", 'The "ferries"')
    for said in (
        "3 rows",
        "ferries.jsonl",
        "- cc-by-4.0: 2 rows",
        "Version 1: imported",
        ferries.content_hash,
    ):
        assert said in card.text
    assert "Bearer hf_writing" in hub.tokens
    assert any(text.startswith("Uploading: 100 %") for text in told)
    assert list(world.home.glob("publish-*")) == []


def test_what_is_published_imports_as_the_same_rows(world, hub, publishing, ferries):
    publishing.publish(ferries, WISH, silent)
    path = world.home / "back.jsonl"
    path.write_bytes(hub.files["data/train.jsonl"])

    back = world.library.import_file(path).session

    assert back.content_hash == ferries.content_hash
    assert [row.meta for row in world.library.rows(back.id)] == [
        row.meta for row in world.library.rows(ferries.id)
    ]


def test_public_is_public_only_when_asked_for(hub, publishing, ferries):
    publishing.publish(ferries, PublishWish("me/ferries", is_private=False), silent)

    assert hub.repositories == {"me/ferries": False}


def test_personal_data_is_counted_and_stops_the_push_until_it_is_accepted(hub, publishing, leaky):
    [found] = publishing.check(leaky)
    assert (found.kind, found.count, found.rows) == ("email", 1, (1,))

    with pytest.raises(StudioError, match="1 e-mail addresses in 1 row") as refusal:
        publishing.publish(leaky, WISH, silent)
    assert hub.repositories == {}
    assert "ana" not in str(refusal.value)

    publishing.publish(leaky, WISH, silent, accept_found=True)
    assert "Published knowingly with what looks like: 1 e-mail addresses" in hub.files["README.md"].decode()


@pytest.mark.parametrize(("status", "said"), [(403, "does not let you write"), (500, "refused the upload")])
def test_a_failed_push_leaves_no_empty_dataset_and_says_what_to_do(hub, publishing, ferries, status, said):
    hub.refuses = status

    with pytest.raises(StudioError, match=said) as failure:
        publishing.publish(ferries, WISH, silent)

    assert hub.repositories == {}
    assert "try again" in failure.value.hint.lower()
    assert "hf_writing" not in str(failure.value)


def test_an_empty_dataset_that_could_not_be_taken_back_is_said(hub, publishing, ferries):
    hub.refuses, hub.keeps_what_is_deleted = 403, True

    with pytest.raises(StudioError, match="An empty dataset me/ferries was left"):
        publishing.publish(ferries, WISH, silent)


def test_a_dataset_that_is_there_is_replaced_only_when_asked(hub, publishing, ferries):
    publishing.publish(ferries, WISH, silent)

    with pytest.raises(StudioError, match="There is a dataset me/ferries on the Hub already"):
        publishing.publish(ferries, WISH, silent)
    assert hub.commits == 1
    publishing.publish(ferries, PublishWish("me/ferries", update=True), silent)

    assert (hub.commits, hub.repositories) == (2, {"me/ferries": True})


def test_a_failed_update_leaves_the_dataset_that_was_there(hub, publishing, ferries):
    publishing.publish(ferries, WISH, silent)
    hub.refuses = 500

    with pytest.raises(StudioError, match="code 500"):
        publishing.publish(ferries, PublishWish("me/ferries", update=True), silent)

    assert hub.repositories == {"me/ferries": True}


@pytest.mark.parametrize("word", ["Looking", "Writing", "Uploading"])
def test_a_cancelled_push_leaves_nothing(world, hub, publishing, word):
    rows = (Row(n, talk(f"Does ferry {n} go?")) for n in range(600))
    session = world.sessions.add("many", "x", rows)

    def cancel(text):
        if text.startswith(word):
            raise PublishCancelledError

    with pytest.raises(PublishCancelledError):
        publishing.publish(session, WISH, cancel)
    assert (hub.repositories, hub.commits) == ({}, 0)
    assert list(world.home.glob("publish-*")) == []


def test_offline_and_without_a_token_the_reason_is_given_and_nobody_is_asked(
    world, hub, publishing, ferries, monkeypatch
):
    world.secrets.token = None
    assert "no Hugging Face token" in publishing.why_not()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "Offline mode is on" in publishing.why_not()

    with pytest.raises(StudioError, match="Offline mode is on"):
        publishing.publish(ferries, WISH, silent)
    assert hub.tokens == set()


def test_a_hub_that_is_not_there_is_said(world, publishing, ferries, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(StudioError, match="cannot be reached"):
        publishing.publish(ferries, WISH, silent)


@pytest.mark.parametrize("name", ["", "a b", "a/b/c", "../x", "me/"])
def test_a_name_the_hub_would_not_take_is_refused_here(hub, publishing, ferries, name):
    with pytest.raises(StudioError, match="cannot be the name"):
        publishing.publish(ferries, PublishWish(name), silent)


def test_the_card_of_the_hubs_own_reader_has_one_config(hub, publishing, ferries):
    publishing.publish(ferries, WISH, silent)

    lines = [json.loads(line) for line in hub.files["data/train.jsonl"].splitlines()]
    assert [line.get("meta") for line in lines] == [None, {"license": "cc-by-4.0"}, {"license": "cc-by-4.0"}]
    configs = DatasetCard(hub.files["README.md"].decode()).data.to_dict()["configs"]
    assert configs == [{"config_name": "default", "data_files": "data/train.jsonl"}]
