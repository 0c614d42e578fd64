"""Unguessable texts for branches, tags and Call-IDs."""

import secrets
from typing import Final

TOKEN_BYTES: Final = 8
DRAWN_AT_ONCE: Final = 256


class Tokens:
    """Called, it gives the next one: sixteen hexadecimal digits from the system's random source.

    Asking the system costs many times what a token's digits do, and a greeting takes eight: so they
    are drawn by the hundred.
    """

    __slots__ = ("_drawn",)

    def __init__(self) -> None:
        self._drawn: list[str] = []

    def __call__(self) -> str:
        if not self._drawn:
            digits = secrets.token_hex(TOKEN_BYTES * DRAWN_AT_ONCE)
            self._drawn = [
                digits[at : at + 2 * TOKEN_BYTES] for at in range(0, len(digits), 2 * TOKEN_BYTES)
            ]
        return self._drawn.pop()
