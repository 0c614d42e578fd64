"""What every command needs: a loop, the end by a signal, a plain word on failure."""

import asyncio
import gc
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Never, TypeVar

import typer
import uvloop

from vms.errors import VmsError

Result = TypeVar("Result")

GARBAGE_THRESHOLDS = (20_000, 10, 10)
"""Objects between two looks for garbage, and how seldom the older ones are looked at. Requests make
next to no garbage that only the collector finds; by Python's own figures it took a sixth of the
processor while devices registered."""


LONG_LOOK_S = 0.1
"""A look through everything that took so long is not repeated for what it left in place."""

OLDEST = 2
"""The generation of a look through everything."""


class LongLooks:
    """Told of each look for garbage (`gc.callbacks`): what survives a long one is left out of the
    next. A city that registers is new, and stays; looking through it again and again would stop
    everything for seconds. Nothing is lost by it but rings of objects that are dropped later."""

    def __init__(
        self,
        now: Callable[[], float] = time.perf_counter,
        leave_out: Callable[[], None] = gc.freeze,
    ) -> None:
        self._now = now
        self._leave_out = leave_out
        self._began = 0.0

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        """As `gc` calls it."""
        if info["generation"] != OLDEST:
            return
        if phase == "start":
            self._began = self._now()
        elif self._now() - self._began > LONG_LOOK_S:
            self._leave_out()


def run(work: Coroutine[None, None, Result]) -> Result:
    """On uvloop; what the world refused ends with a sentence, not with a trace."""
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    looks = LongLooks()
    gc.callbacks.append(looks)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except VmsError as error:
        fail(error.message)
    except OSError as error:
        fail(_about(error))
    except BaseExceptionGroup as group:
        expected = group.subgroup((VmsError, OSError))
        if expected is None or group.split((VmsError, OSError))[1] is not None:
            raise
        fail("; ".join(str(error) for error in expected.exceptions))
    finally:
        gc.callbacks.remove(looks)


def _about(error: OSError) -> str:
    return f"{error.strerror or error}. `vms doctor` tells which port, file or folder it is."


def fail(text: str) -> Never:
    """End the command with status 1."""
    typer.echo(text, err=True)
    raise typer.Exit(1)


async def until_signal() -> None:
    """Until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
