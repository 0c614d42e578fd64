"""Identifiers that sort by time: UUID version 7 (RFC 9562, 5.7)."""

import secrets
from datetime import datetime
from uuid import UUID


class Identifiers:
    """Gives them out in rising order, also within a millisecond (RFC 9562, 6.2, method 1)."""

    def __init__(self) -> None:
        self._millisecond = 0
        self._sequence = 0

    def next(self, at: datetime) -> str:
        """The next one, at the moment `at`."""
        millisecond = int(at.timestamp() * 1000)
        if millisecond > self._millisecond:
            self._millisecond = millisecond
            self._sequence = 0
        else:
            self._sequence += 1
            if self._sequence == 1 << 12:
                self._millisecond += 1
                self._sequence = 0
        value = self._millisecond << 80
        value |= 7 << 76 | self._sequence << 64
        value |= 0b10 << 62 | secrets.randbits(62)
        return str(UUID(int=value))
