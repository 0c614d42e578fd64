"""Logs: one line an event, JSON unless a person watches."""

import logging
import sys
from collections.abc import MutableMapping

import structlog

from vms.clock import Clock, SystemClock

LINES_AT_ONCE = 200
LINES_PER_S = 20.0
"""Of one event, below errors; strangers cause lines too, and a disk is finite."""

SECRETS = frozenset(
    {"password", "secret", "token", "authorization", "nonce", "response", "a1", "code", "cookie"}
)
"""Keys whose values never reach a log."""


class Restraint:
    """Leaves out lines of an event that comes too often; the next one tells how many.

    Events are constant texts of our own, so what is remembered is bounded.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # event -> (lines left, as of when, lines left out)
        self._events: dict[object, tuple[float, float, int]] = {}

    def __call__(
        self, _logger: object, method: str, event: MutableMapping[str, object]
    ) -> MutableMapping[str, object]:
        """A structlog processor; raises `DropEvent` for a line too many."""
        if method in {"error", "critical", "exception"}:
            return event
        now = self._clock.monotonic()
        name = event.get("event")
        lines, since, omitted = self._events.get(name, (LINES_AT_ONCE, now, 0))
        lines = min(LINES_AT_ONCE, lines + (now - since) * LINES_PER_S)
        if lines < 1:
            self._events[name] = lines, now, omitted + 1
            raise structlog.DropEvent
        self._events[name] = lines - 1, now, 0
        if omitted:
            event["omitted_before"] = omitted
        return event


def set_up_logs(level: str = "info", *, is_terminal: bool | None = None) -> None:
    """Lines go to standard error: standard output belongs to what a command prints."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    for_people = sys.stderr.isatty() if is_terminal is None else is_terminal
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if for_people
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            Restraint(SystemClock()),
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_secrets,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def _without_secrets(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    for key in event.keys() & SECRETS:
        event[key] = "***"
    return event
