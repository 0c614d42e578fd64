"""Looking at all sockets together: what one device makes fail costs nobody else anything."""

import asyncio
import socket
from typing import Any

from media.rtp.sockets import Drain
from tests.support.waiting import until


async def test_a_receiver_that_fails_is_told_of_and_the_others_go_on() -> None:
    told: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context))
    drain = Drain(loop)
    pairs = [socket.socketpair() for _ in range(3)]
    heard: list[int] = []
    chores: list[int] = []

    def fail() -> None:
        raise KeyError("a mistake")

    # Whichever comes first of those that are readable: one that fails stands on each side.
    drain.add(pairs[0][0], fail)
    drain.add(pairs[1][0], lambda: heard.append(1))
    drain.add(pairs[2][0], fail)
    drain.add_chore(fail)
    drain.add_chore(lambda: chores.append(1))
    for _, there in pairs:
        there.send(b"x")

    await until(lambda: len(heard) > 1 and len(chores) > 1)
    await until(lambda: any("receiving failed" in context["message"] for context in told))

    drain.remove_chore(fail)
    for here, there in pairs:
        drain.remove(here)
        here.close()
        there.close()
    loop.set_exception_handler(None)
