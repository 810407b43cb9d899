"""Offline mode switched on in the terminal: what goes on from before is named, with the word that ends it."""

from argparse import Namespace
from types import SimpleNamespace

from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.settings import SqliteSettingsStore
from app.cli.offline import offline
from app.cli.output import Output
from app.domain.still_online import StillOnline
from app.services.offline import OfflineService
from app.services.settings import SettingsService
from tests.fakes import FakeNetwork


def test_switching_it_on_names_what_was_started_online_and_how_to_end_it(tmp_path, capsys):
    database = open_database(tmp_path / "tunewright.db")
    settings = SettingsService(SqliteSettingsStore(database))
    still = (
        StillOnline("ferry was started online and may use the network.", "abc", "ferry"),
        StillOnline("boat was started online and sends it.", "def", "boat", saves=False),
        StillOnline("far goes on at Runpod.", hint="Only online can it be stopped."),
    )
    services = SimpleNamespace(
        offline=OfflineService(settings, FakeNetwork()),
        still_online=SimpleNamespace(under_way=lambda: still),
    )

    offline(services, Namespace(to="on"), Output(as_json=False))
    on = capsys.readouterr().out
    offline(services, Namespace(to="off"), Output(as_json=False))
    off = capsys.readouterr().out
    database.dispose()

    assert "may use the network. `tunewright runs stop abc --save` ends it." in on
    assert "sends it. `tunewright runs stop def` ends it." in on
    assert "far goes on at Runpod. Only online can it be stopped." in on
    assert off == "Offline mode is off.\n"
