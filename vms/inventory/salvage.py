"""One bad row among thousands must not keep the others from being stored, nor end the server."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from vms.errors import UnavailableError, VmsError

Item = TypeVar("Item")


async def store_in_parts(
    items: list[Item],
    store: Callable[[Sequence[Item]], Awaitable[None]],
    spoilt: Callable[[Item, VmsError], Awaitable[None]],
    *,
    most: int,
) -> None:
    """`store` all, in order, `most` at a time; what cannot be stored even alone is `spoilt`.

    Items leave the list as they are dealt with. When the database cannot serve, the
    `UnavailableError` is raised, and what is left in the list is what is not stored.
    """
    size = most
    while items:
        part = items[:size]
        try:
            await store(part)
        except UnavailableError:
            raise
        except VmsError as error:
            if len(part) > 1:
                size = len(part) // 2
                continue
            await spoilt(part[0], error)
        del items[: len(part)]
        size = min(2 * size, most)
