import asyncio
import threading

import flet as ft

from app.domain.errors import StudioError
from app.ui.long_work import CancelledByPersonError, LongWork, use_long_work
from tests.ui.harness import mounted


@ft.component
def Worker(work, kept):
    done: LongWork[str, None] = use_long_work()
    kept.append(done.run)
    return ft.Text("here")


async def test_work_under_way_ends_with_the_app_which_would_wait_for_its_thread():
    begun, may_tell, ended = threading.Event(), threading.Event(), []

    def work(tell):
        begun.set()
        assert may_tell.wait(30)
        try:
            tell("on and on")
        except StudioError as error:
            ended.append(type(error))

    kept = []
    async with mounted(Worker, work, kept) as screen:
        task = asyncio.create_task(kept[0](work, print))
        await screen.wait_for(begun.is_set)
        task.cancel()
        await asyncio.wait({task})
        may_tell.set()
        await screen.wait_for(lambda: ended)

    assert task.cancelled()
    assert ended == [CancelledByPersonError]
