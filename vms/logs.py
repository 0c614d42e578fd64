"""Logs: one line an event, JSON unless a person watches."""

import logging
import sys
from collections.abc import MutableMapping

import structlog

SECRETS = frozenset(
    {"password", "secret", "token", "authorization", "nonce", "response", "a1", "code", "cookie"}
)
"""Keys whose values never reach a log."""


def set_up_logs(level: str = "info", *, is_terminal: bool | None = None) -> None:
    """Lines go to standard error: standard output belongs to what a command prints."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    for_people = sys.stderr.isatty() if is_terminal is None else is_terminal
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer()
        if for_people
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
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
