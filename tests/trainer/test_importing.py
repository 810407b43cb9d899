"""What loading libraries leaves to the garbage collector."""

import gc
import sys
from collections.abc import Iterator

import pytest

from trainer_image import importing


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_what_is_imported_is_not_gone_through_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    gc.unfreeze()

    with importing.at_once():
        assert not gc.isenabled()
        import colorsys  # noqa: F401, PLC0415

    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_where_nothing_is_new_garbage_stays_garbage() -> None:
    gc.unfreeze()

    with importing.at_once():
        import json  # noqa: F401, PLC0415

    assert gc.get_freeze_count() == 0


def test_a_failed_import_leaves_the_collector_at_work() -> None:
    with pytest.raises(ModuleNotFoundError), importing.at_once():
        import not_there  # type: ignore[import-not-found]  # noqa: F401, PLC0415

    assert gc.isenabled()
