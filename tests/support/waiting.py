"""Waiting for a condition, with a limit: what tests do instead of sleeping."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

LIMIT_S = 10.0

Value = TypeVar("Value")


async def until(is_true: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Returns as soon as the condition holds; fails the test when it does not in time."""
    async with asyncio.timeout(limit_s):
        while not is_true():  # noqa: ASYNC110  the condition may be anybody's state
            await asyncio.sleep(0.005)


async def until_async(
    read: Callable[[], Awaitable[Value]],
    is_enough: Callable[[Value], bool],
    limit_s: float = LIMIT_S,
    every_s: float = 0.02,
) -> Value:
    """Reads again and again until the value is enough; gives that value."""
    async with asyncio.timeout(limit_s):
        while not is_enough(value := await read()):  # noqa: ASYNC110  as above
            await asyncio.sleep(every_s)
        return value
