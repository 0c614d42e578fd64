"""Keeps stored days true to what was decided: a day that was counted before a decision is not
stored after it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Freshness:
    """Decisions and storing take turns; `number` tells how many decisions there were."""

    def __init__(self) -> None:
        self.number = 0
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def deciding(self) -> AsyncGenerator[None]:
        """Inside, exclusions change and stored days are dropped."""
        async with self._turn:
            # Counted even where it fails: then a day is made once more, for nothing.
            self.number += 1
            yield

    @asynccontextmanager
    async def storing(self, counted_at: int) -> AsyncGenerator[bool]:
        """Inside, a day may be stored that was counted when `number` was so high; False: it is
        stale."""
        async with self._turn:
            yield self.number == counted_at
