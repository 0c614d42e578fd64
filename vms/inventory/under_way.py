"""Work that is finished once it is begun, whoever asked for it and went away."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

Result = TypeVar("Result")


class UnderWay:
    """What was begun and is not over. `finish` it, and `wait` for the rest before the end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    async def finish(self, work: Coroutine[object, None, Result]) -> Result:
        """The result of `work`, which goes on when its caller is cancelled."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    async def wait(self) -> None:
        """Until nothing is under way, with what was begun meanwhile."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _finished(self, task: asyncio.Task[Result]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Asked for, so that a failure nobody is left to hear of raises no second alarm.
            task.exception()
