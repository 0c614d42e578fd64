"""What `Accounts` needs of storage; `vms.persistence` provides it.

Every write returns after the commit, together with its audit row, or raises and leaves neither.
Raises `UnavailableError` when the database cannot serve.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from vms.accounts.model import ApiKey, AuditEntry, AuditRow, Role, Token, User


@dataclass(frozen=True, slots=True)
class UserOnFile:
    """A user with the hash of the password."""

    user: User
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenOnFile:
    """A token and whose it is."""

    token: Token
    user: User


@dataclass(frozen=True, slots=True)
class KeyOnFile:
    """An API key, whose it is, and the SHA-256 of its secret."""

    key: ApiKey
    user: User
    sha256: bytes = field(repr=False)


class AccountStore(Protocol):
    """Rows of users, tokens, API keys and audit."""

    async def has_users(self) -> bool:
        """False only before the set-up."""
        ...

    async def users(self) -> Sequence[User]:
        """By name."""
        ...

    async def user_named(self, folded: str) -> UserOnFile | None:
        """By the folded name."""
        ...

    async def add_user(
        self, added: UserOnFile, folded: str, audit: AuditEntry, *, as_first: bool = False
    ) -> None:
        """Raises `ConflictError` when the name is taken, or `as_first` and somebody is there."""
        ...

    async def set_password(self, user_id: str, password_hash: str, audit: AuditEntry) -> None:
        """Also ends every sign-in of the user."""
        ...

    async def replace_hash(self, user_id: str, password_hash: str) -> None:
        """The same password, hashed with today's parameters."""
        ...

    async def set_role(
        self, user_id: str, role: Role, *, disabled: bool, audit: AuditEntry
    ) -> None:
        """Raises `ConflictError` when no administrator would be left."""
        ...

    async def add_token(self, token: Token, sha256: bytes, audit: AuditEntry) -> None:
        """Also drops the tokens that are past their time."""
        ...

    async def token(self, sha256: bytes) -> TokenOnFile | None:
        """By the SHA-256 of its text."""
        ...

    async def touch_token(self, token_id: str, at: datetime) -> None:
        """It was used."""
        ...

    async def delete_token(self, token_id: str, audit: AuditEntry) -> None:
        """The sign-in is over."""
        ...

    async def keys(self) -> Sequence[ApiKey]:
        """All, revoked ones included, oldest first."""
        ...

    async def key(self, key_id: str) -> KeyOnFile | None:
        """By its public half."""
        ...

    async def add_key(self, key: ApiKey, sha256: bytes, audit: AuditEntry) -> None:
        """A new one."""
        ...

    async def touch_key(self, key_id: str, at: datetime) -> None:
        """It was used."""
        ...

    async def revoke_key(self, key_id: str, at: datetime, audit: AuditEntry) -> None:
        """For good; raises `NotFoundError`."""
        ...

    async def add_audit(self, entry: AuditEntry) -> None:
        """What happened outside of this store."""
        ...

    async def audit(self, before_key: int | None, limit: int) -> Sequence[AuditRow]:
        """Newest first."""
        ...
