"""Ask for something slow while somebody types: never two at a time, in the end about what stands there."""

import asyncio
import logging
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

import flet as ft

log = logging.getLogger(__name__)

T = TypeVar("T")


def use_latest(
    work: Callable[[], T], on_result: Callable[[T], None], *, on: Hashable, delay_seconds: float
) -> None:
    """Call blocking `work` on a thread once `on` has stayed the same for a while.

    A change while it works drops its result, and waits for its end before it asks anew. A failure is a bug:
    it is logged, and the last result stays.
    """
    under_way = ft.use_ref(cast("asyncio.Task[T] | None", None))

    async def ask() -> None:
        await asyncio.sleep(delay_seconds)
        while (before := under_way.current) is not None and not before.done():
            await asyncio.wait([before])
        under_way.current = asyncio.create_task(asyncio.to_thread(work))
        try:
            on_result(await asyncio.shield(under_way.current))
        except Exception:
            log.exception("The question about what was typed failed")

    # Flet 1.0.5 cancels an async effect on a change or unmount only if the effect has a cleanup.
    ft.use_effect(ask, dependencies=[on], cleanup=_nothing)


def _nothing() -> None:
    pass
