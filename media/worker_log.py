"""What a worker logs: one line of JSON an event, on standard error, dropped rather than waited for.

The owner reads these lines from a pipe and gives them its own form; a worker that is alone on a
host is read by whatever keeps it. Tokens and SDP are never passed here.
"""

import contextlib
import json
import os
import traceback
from asyncio import AbstractEventLoop
from datetime import UTC, datetime
from typing import Any

LINE_LIMIT_CHARACTERS = 4_000

_bound: dict[str, object] = {}


def set_worker(worker: int) -> None:
    """The number that every line carries; lines never wait from now on."""
    _bound["worker"] = worker
    os.set_blocking(2, False)


def info(event: str, **facts: object) -> None:
    """What happened."""
    _write("info", event, facts)


def warning(event: str, **facts: object) -> None:
    """What should be looked at."""
    _write("warning", event, facts)


def error(event: str, **facts: object) -> None:
    """What is our own fault."""
    _write("error", event, facts)


def loop_failed(_loop: AbstractEventLoop, context: dict[str, Any]) -> None:
    """The event loop's handler of exceptions that nobody took."""
    fault = context.get("exception")
    trace = "".join(traceback.format_exception(fault)) if fault else ""
    error("a task failed", what=str(context.get("message")), exception=trace)


def _write(level: str, event: str, facts: dict[str, object]) -> None:
    told = {
        key: value[-LINE_LIMIT_CHARACTERS:] if isinstance(value, str) else value
        for key, value in facts.items()
    }
    at = datetime.now(UTC).isoformat()
    line = json.dumps({**told, **_bound, "event": event, "level": level, "timestamp": at})
    with contextlib.suppress(BlockingIOError, BrokenPipeError):
        os.write(2, line.encode() + b"\n")
