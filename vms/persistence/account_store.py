"""`AccountStore` in SQL: users, tokens, API keys, audit."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, exists, false, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vms.accounts.model import ApiKey, AuditEntry, AuditRow, Role, Token, User
from vms.accounts.store import KeyOnFile, TokenOnFile, UserOnFile
from vms.errors import ConflictError, NotFoundError
from vms.persistence.columns import UtcTime
from vms.persistence.database import Database
from vms.persistence.rows import Fetched, Row
from vms.persistence.tables import api_keys, audit, tokens, users

# Tokens and keys have a role or a time of their own, hence the labels.
_USER = (
    users.c.username,
    users.c.role.label("user_role"),
    users.c.disabled,
    users.c.created_at.label("user_created_at"),
)


class SqlAccountStore:
    """Rows of users, tokens, API keys and audit. See `AccountStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def has_users(self) -> bool:
        """False only before the set-up."""
        async with self._database.reading() as connection:
            return bool(await connection.scalar(select(exists().select_from(users))))

    async def users(self) -> Sequence[User]:
        """By name."""
        query = _users().order_by(users.c.username_folded)
        async with self._database.reading() as connection:
            return [_user_of(row) for row in await connection.execute(query)]

    async def user_named(self, folded: str) -> UserOnFile | None:
        """By the folded name."""
        query = _users().add_columns(users.c.password_hash).where(users.c.username_folded == folded)
        row = await self._first(query)
        return None if row is None else UserOnFile(_user_of(row), row.password_hash)

    async def add_user(
        self, added: UserOnFile, folded: str, audit: AuditEntry, *, as_first: bool = False
    ) -> None:
        """Raises `ConflictError` when the name is taken, or `as_first` and somebody is there."""
        user = added.user
        row: Row = {
            "user_id": user.user_id,
            "username": user.username,
            "username_folded": folded,
            "role": user.role.value,
            "password_hash": added.password_hash,
            "disabled": user.disabled,
            "created_at": user.created_at,
        }

        async def work(connection: AsyncConnection) -> None:
            if as_first and await connection.scalar(select(exists().select_from(users))):
                raise ConflictError("there is a user already")
            taken = select(exists().where(users.c.username_folded == folded))
            if await connection.scalar(taken):
                raise ConflictError(f"there is a user {user.username} already")
            await connection.execute(insert(users).values(row))

        await self._audited(work, audit)

    async def set_password(self, user_id: str, password_hash: str, audit: AuditEntry) -> None:
        """Also ends every sign-in of the user."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                update(users).where(users.c.user_id == user_id).values(password_hash=password_hash)
            )
            await connection.execute(delete(tokens).where(tokens.c.user_id == user_id))

        await self._audited(work, audit)

    async def replace_hash(self, user_id: str, password_hash: str) -> None:
        """The same password, hashed with today's parameters."""
        statement = (
            update(users).where(users.c.user_id == user_id).values(password_hash=password_hash)
        )
        await self._database.transact(lambda connection: connection.execute(statement))

    async def set_role(
        self, user_id: str, role: Role, *, disabled: bool, audit: AuditEntry
    ) -> None:
        """Raises `ConflictError` when no administrator would be left."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                update(users)
                .where(users.c.user_id == user_id)
                .values(role=role.value, disabled=disabled)
            )
            left = select(
                exists().where(users.c.role == Role.ADMIN.value, users.c.disabled == false())
            )
            if not await connection.scalar(left):
                raise ConflictError("no administrator would be left")

        await self._audited(work, audit)

    async def add_token(self, token: Token, sha256: bytes, audit: AuditEntry) -> None:
        """Also drops the tokens that are past their time."""
        row: Row = {
            "token_id": token.token_id,
            "sha256": sha256,
            "user_id": token.user_id,
            "created_at": token.created_at,
            "last_used_at": token.last_used_at,
            "expires_at": token.expires_at,
        }

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(tokens).where(tokens.c.expires_at < token.created_at))
            await connection.execute(insert(tokens).values(row))

        await self._audited(work, audit)

    async def token(self, sha256: bytes) -> TokenOnFile | None:
        """By the SHA-256 of its text."""
        query = select(tokens, *_USER).join_from(tokens, users).where(tokens.c.sha256 == sha256)
        row = await self._first(query)
        if row is None:
            return None
        token = Token(row.token_id, row.user_id, row.created_at, row.last_used_at, row.expires_at)
        return TokenOnFile(token, _user_of(row))

    async def touch_token(self, token_id: str, at: datetime) -> None:
        """It was used."""
        statement = update(tokens).where(tokens.c.token_id == token_id).values(last_used_at=at)
        await self._database.transact(lambda connection: connection.execute(statement))

    async def delete_token(self, token_id: str, audit: AuditEntry) -> None:
        """The sign-in is over."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(tokens).where(tokens.c.token_id == token_id))

        await self._audited(work, audit)

    async def keys(self) -> Sequence[ApiKey]:
        """All, revoked ones included, oldest first."""
        query = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.key_id)
        async with self._database.reading() as connection:
            return [_key_of(row) for row in await connection.execute(query)]

    async def key(self, key_id: str) -> KeyOnFile | None:
        """By its public half."""
        query = (
            select(api_keys, *_USER).join_from(api_keys, users).where(api_keys.c.key_id == key_id)
        )
        row = await self._first(query)
        return None if row is None else KeyOnFile(_key_of(row), _user_of(row), row.sha256)

    async def add_key(self, key: ApiKey, sha256: bytes, audit: AuditEntry) -> None:
        """A new one."""
        row: Row = {
            "key_id": key.key_id,
            "sha256": sha256,
            "name": key.name,
            "user_id": key.user_id,
            "role": key.role.value,
            "created_at": key.created_at,
            "expires_at": key.expires_at,
        }

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(api_keys).values(row))

        await self._audited(work, audit)

    async def touch_key(self, key_id: str, at: datetime) -> None:
        """It was used."""
        statement = update(api_keys).where(api_keys.c.key_id == key_id).values(last_used_at=at)
        await self._database.transact(lambda connection: connection.execute(statement))

    async def revoke_key(self, key_id: str, at: datetime, audit: AuditEntry) -> None:
        """For good; the first time counts. Raises `NotFoundError`."""

        async def work(connection: AsyncConnection) -> None:
            revoked = await connection.execute(
                update(api_keys)
                .where(api_keys.c.key_id == key_id)
                .values(revoked_at=func.coalesce(api_keys.c.revoked_at, literal(at, UtcTime())))
            )
            if revoked.rowcount == 0:
                raise NotFoundError(f"there is no key {key_id}")

        await self._audited(work, audit)

    async def add_audit(self, entry: AuditEntry) -> None:
        """What happened outside of this store."""
        await self._database.transact(lambda connection: _add_audit(connection, entry))

    async def audit(self, before_key: int | None, limit: int) -> Sequence[AuditRow]:
        """Newest first."""
        query = select(audit).order_by(audit.c.audit_key.desc()).limit(limit)
        if before_key is not None:
            query = query.where(audit.c.audit_key < before_key)
        async with self._database.reading() as connection:
            return [
                AuditRow(
                    row.audit_key,
                    AuditEntry(
                        row.at,
                        row.actor,
                        row.source,
                        row.action,
                        row.subject,
                        row.outcome,
                        row.detail,
                    ),
                )
                for row in await connection.execute(query)
            ]

    async def _first(self, query: Select[*tuple[Any, ...]]) -> Fetched | None:
        async with self._database.reading() as connection:
            return (await connection.execute(query)).first()

    async def _audited(
        self, work: Callable[[AsyncConnection], Awaitable[None]], entry: AuditEntry
    ) -> None:
        """The deed and its audit row, both or neither."""

        async def both(connection: AsyncConnection) -> None:
            await work(connection)
            await _add_audit(connection, entry)

        await self._database.transact(both)


async def _add_audit(connection: AsyncConnection, entry: AuditEntry) -> None:
    row: Row = {
        "at": entry.at,
        "actor": entry.actor,
        "source": entry.source,
        "action": entry.action,
        "subject": entry.subject,
        "outcome": entry.outcome,
        "detail": dict(entry.detail),
    }
    await connection.execute(insert(audit).values(row))


def _users() -> Select[*tuple[Any, ...]]:
    return select(users.c.user_id, *_USER)


def _user_of(row: Fetched) -> User:
    return User(row.user_id, row.username, Role(row.user_role), row.disabled, row.user_created_at)


def _key_of(row: Fetched) -> ApiKey:
    return ApiKey(
        row.key_id,
        row.name,
        row.user_id,
        Role(row.role),
        row.created_at,
        row.expires_at,
        row.last_used_at,
        row.revoked_at,
    )
