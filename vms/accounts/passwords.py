"""Passwords as Argon2id hashes: slow on purpose, in threads, few at a time."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vms.errors import ExhaustedError, InvalidError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

SHORTEST = 8
LONGEST = 128
AT_ONCE = 2
"""Each takes 64 MiB and a core."""

WAITING_LIMIT = 32

# What documentation and other products ship; a start with one of these is refused.
_WELL_KNOWN = frozenset(
    {
        "password",
        "password1",
        "passw0rd",
        "p@ssw0rd",
        "12345678",
        "123456789",
        "1234567890",
        "87654321",
        "11111111",
        "88888888",
        "00000000",
        "admin123",
        "admin1234",
        "admin12345",
        "administrator",
        "changeme",
        "qwertyui",
        "qwerty123",
        "abc12345",
        "abcd1234",
    }
)


def check_new(password: str, username: str) -> None:
    """Raises `InvalidError` for one that is too short, too long, or known to everybody."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidError(f"a password has {SHORTEST} to {LONGEST} characters")
    if not password.isprintable():
        raise InvalidError("a password has printable characters only")
    if password.casefold() in _WELL_KNOWN or password.casefold() == username.casefold():
        raise InvalidError("this password is known to everybody who would try")


class Passwords:
    """Hashes and compares, at most two at a time; raises `ExhaustedError` when too many wait."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobodys_hash: str | None = None

    async def hash(self, password: str) -> str:
        """In the PHC format, salt and parameters included."""
        return await self._in_turn(self._hasher.hash, password)

    async def is_right(self, stored_hash: str | None, password: str) -> bool:
        """With None, for an unknown user, it takes as long as with a hash."""
        if stored_hash is None:
            if self._nobodys_hash is None:
                self._nobodys_hash = await self.hash("nobody has this password")
            await self._in_turn(self._matches, self._nobodys_hash, password)
            return False
        return await self._in_turn(self._matches, stored_hash, password)

    def is_outdated(self, stored_hash: str) -> bool:
        """Made with weaker parameters than those of today."""
        return self._hasher.check_needs_rehash(stored_hash)

    def _matches(self, stored_hash: str, password: str) -> bool:
        try:
            # What is longer than the longest cannot be right, and must not cost more.
            return self._hasher.verify(stored_hash, password[: LONGEST + 1])
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    async def _in_turn(
        self,
        work: Callable[Arguments, Result],
        /,
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        if self._waiting >= WAITING_LIMIT:
            raise ExhaustedError("too many sign-ins at once", what="sign-ins")
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work, *args, **kwargs)
        finally:
            self._waiting -= 1
