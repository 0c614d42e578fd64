"""Faults of our own: one to bring about, and what the event loop is told of them."""

import asyncio
from typing import Any, NoReturn


def fail(*_: object) -> NoReturn:
    """In place of what shall go wrong."""
    raise LookupError("a fault of ours")


def told_to_loop() -> list[dict[str, Any]]:
    """Grows: what the exception handler of the running loop gets from now on."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    return told
