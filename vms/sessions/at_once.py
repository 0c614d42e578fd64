"""The same work for many, a bounded number of them at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def some_at_once(
    work: Callable[[T], Awaitable[None]], over: Iterable[T], *, limit: int
) -> None:
    """`work` for each; the first failure is raised and ends the others."""
    rest = iter(over)

    async def go_on() -> None:
        for each in rest:
            await work(each)

    tasks = [asyncio.ensure_future(go_on()) for _ in range(limit)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
