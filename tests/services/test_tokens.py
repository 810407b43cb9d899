"""Tokens: which one counts, that the keyring keeps them, and that they are shown nowhere."""

import io
import logging
import sqlite3
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked, PasswordDeleteError

from app.adapters import environment_secrets
from app.adapters.environment_secrets import EnvironmentSecrets
from app.adapters.keyring_vault import KeyringVault
from app.adapters.runpod.places import BASE_VARIABLE
from app.adapters.token_check import HttpTokenChecker
from app.domain.errors import StudioError
from app.domain.tokens import TokenPlace
from app.services.offline import OfflineService
from app.services.tokens import TokenService
from tests.fakes import FakeNetwork

HUB, RUNPOD = TokenPlace
SECRET = "hf_abcdefghijklmnop"


class Drawer(KeyringBackend):
    """A keyring of this process, by the keyring library's own interface."""

    priority = 5

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("none")

    def _open(self) -> None:
        if self.is_locked:
            raise KeyringLocked(f"locked; was asked about {SECRET}")


class Places(BaseHTTPRequestHandler):
    """Hugging Face's whoami and Runpod's list of pods."""

    status, account = 200, '{"name": "ada"}'
    asked: list[tuple[str, str | None]] = []  # noqa: RUF012 - one server a test, emptied by its fixture

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        body = self.account.encode() if "whoami" in self.path else b'{"pods": []}'
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(body if self.status == 200 else b"no")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def places(monkeypatch) -> Iterator[str]:
    monkeypatch.setattr(Places, "status", 200)
    Places.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Places) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


@pytest.fixture
def environment(monkeypatch) -> dict[str, str]:
    monkeypatch.setattr(environment_secrets, "_saved_token", lambda: None)
    return {}


@pytest.fixture
def tokens(world, drawer, environment) -> TokenService:
    vault = KeyringVault(drawer)
    offline = OfflineService(world.settings, FakeNetwork())
    return TokenService(EnvironmentSecrets(environment, vault), vault, HttpTokenChecker(environment), offline)


def test_a_kept_token_is_the_one_that_counts_until_it_is_deleted(tokens, drawer, environment):
    before = tokens.state(HUB)

    kept = tokens.keep(HUB, f"  {SECRET}\n")
    used = EnvironmentSecrets(environment, KeyringVault(drawer)).hf_token()
    after = tokens.delete(HUB)

    assert (before.source, kept.source, after.source) == ("none", "keyring", "none")
    assert used == SECRET
    assert drawer.kept == {}


def test_a_token_deleted_or_replaced_by_another_process_is_used_no_longer(tmp_path, drawer):
    window, terminal = (KeyringVault(drawer, changed=tmp_path / "changed") for _ in range(2))
    terminal.put(HUB, SECRET)
    first = window.get(HUB)
    terminal.put(HUB, "hf_another")
    second = window.get(HUB)
    terminal.forget(HUB)

    assert (first, second, window.get(HUB)) == (SECRET, "hf_another", None)


def test_a_keyring_is_not_asked_again_while_nothing_changes(tmp_path, drawer):
    vault = KeyringVault(drawer, changed=tmp_path / "changed")
    vault.put(HUB, SECRET)
    drawer.kept.clear()

    assert vault.get(HUB) == SECRET


def test_what_another_process_changed_is_seen_also_after_a_change_of_ones_own(tmp_path, drawer):
    window, terminal = (KeyringVault(drawer, changed=tmp_path / "changed") for _ in range(2))
    window.put(HUB, SECRET)
    terminal.put(HUB, "hf_another")
    window.put(RUNPOD, SECRET)

    assert window.get(HUB) == "hf_another"


def test_the_environment_comes_first_and_says_so(tokens, environment):
    tokens.keep(HUB, SECRET)
    environment["HF_TOKEN"] = "hf_of_the_environment"

    state = tokens.state(HUB)

    assert (state.source, state.is_kept) == ("environment", True)
    assert "HF_TOKEN" in state.text
    assert "not used meanwhile" in state.text


@pytest.mark.parametrize("text", ["", "   ", "hf_ with blanks", "hf_ümlaut", "x" * 501, "hf_a\x00b"])
def test_what_is_no_token_is_not_kept(tokens, drawer, text):
    with pytest.raises(StudioError):
        tokens.keep(HUB, text)

    assert drawer.kept == {}


@pytest.mark.parametrize("backend", [NoKeyring()], ids=["none"])
def test_without_a_keyring_it_is_said_and_the_environment_goes_on_working(world, environment, backend):
    vault = KeyringVault(backend)
    source = EnvironmentSecrets(environment, vault)
    tokens = TokenService(source, vault, HttpTokenChecker(), OfflineService(world.settings, FakeNetwork()))
    environment["RUNPOD_API_KEY"] = "rp_x"

    assert "No keyring" in tokens.why_not_kept()
    assert tokens.state(RUNPOD).source == "environment"
    with pytest.raises(StudioError) as refused:
        tokens.keep(HUB, SECRET)
    assert "HF_TOKEN" in refused.value.hint


@pytest.mark.parametrize("act", ["keep", "delete"])
def test_a_locked_keyring_is_a_sentence_without_the_token(tokens, drawer, caplog, act):
    caplog.set_level(logging.DEBUG)
    drawer.is_locked = True

    with pytest.raises(StudioError, match="may be locked") as refused:
        tokens.keep(HUB, SECRET) if act == "keep" else tokens.delete(HUB)

    assert tokens.state(HUB).source == "none"
    assert SECRET not in caplog.text + str(refused.value) + repr(refused.value.__cause__)


def test_a_working_token_says_whose_it_is(tokens, environment, places):
    environment["HF_ENDPOINT"] = environment[BASE_VARIABLE] = places
    tokens.keep(HUB, SECRET)
    tokens.keep(RUNPOD, "rp_secret")

    said = [tokens.test(HUB), tokens.test(RUNPOD)]

    assert said == ["It works: it belongs to ada.", "It works: Runpod accepts it."]
    assert Places.asked == [("/api/whoami-v2", f"Bearer {SECRET}"), ("/v2/pods", "Bearer rp_secret")]


@pytest.mark.parametrize(
    ("account", "said"),
    [
        ('"isPro": true, "canPay": false', "has a Pro plan"),
        ('"isPro": false, "canPay": true', "has a way to pay"),
        ('"isPro": false, "canPay": false', "need credit first"),
    ],
)
def test_whether_the_account_can_pay_for_jobs_is_said(
    tokens, environment, places, monkeypatch, account, said
):
    environment["HF_ENDPOINT"] = places
    monkeypatch.setattr(Places, "account", f'{{"name": "ada", {account}}}')
    tokens.keep(HUB, SECRET)

    assert said in tokens.test(HUB)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "does not accept"), (403, "may not be used"), (429, "cannot answer now"),
        (503, "cannot answer now"), (302, "is not Hugging Face"), (404, "is not Hugging Face"),
    ],
)  # fmt: skip
def test_each_refusal_has_its_sentence(tokens, environment, places, monkeypatch, status, said):
    monkeypatch.setattr(Places, "status", status)
    environment["HF_ENDPOINT"] = places
    tokens.keep(HUB, SECRET)

    with pytest.raises(StudioError, match=said) as refused:
        tokens.test(HUB)

    assert refused.value.hint
    assert SECRET not in str(refused.value)


def test_a_place_that_is_not_there_is_a_sentence(tokens, environment):
    environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
    tokens.keep(HUB, SECRET)

    with pytest.raises(StudioError, match="cannot be reached"):
        tokens.test(HUB)


def test_offline_and_without_a_token_nobody_is_asked(world, tokens, environment, places):
    environment["HF_ENDPOINT"] = places
    with pytest.raises(StudioError, match="no token for Hugging Face"):
        tokens.test(HUB)
    tokens.keep(HUB, SECRET)
    world.settings.set_offline(True)

    with pytest.raises(StudioError, match="needs the network"):
        tokens.test(HUB)

    assert Places.asked == []


def test_a_token_is_in_no_log_no_database_and_no_text(world, tokens, environment, places, caplog):
    caplog.set_level(logging.DEBUG)
    environment["HF_ENDPOINT"] = places
    tokens.keep(HUB, SECRET)
    tokens.test(HUB)
    shown = io.StringIO()
    with sqlite3.connect(world.home / "tunewright.db") as database:
        shown.write("\n".join(database.iterdump()))

    assert SECRET not in caplog.text
    assert SECRET not in shown.getvalue()
    assert SECRET not in repr(tokens.states())
