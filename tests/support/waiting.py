"""Waiting for a condition, with a limit: what tests do instead of sleeping."""

import asyncio
from collections.abc import Callable

LIMIT_S = 10.0


async def until(is_true: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Returns as soon as the condition holds; fails the test when it does not in time."""
    async with asyncio.timeout(limit_s):
        while not is_true():  # noqa: ASYNC110  the condition may be anybody's state
            await asyncio.sleep(0.005)
