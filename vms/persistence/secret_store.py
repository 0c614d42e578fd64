"""Secrets of the server itself: the key of nonces, the master key of device secrets."""

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from vms.persistence.changes import insert_into
from vms.persistence.database import Database
from vms.persistence.tables import secrets


class SecretStore:
    """A few bytes by name, made once and kept over restarts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_or_make(self, name: str, make: Callable[[], bytes]) -> bytes:
        """What is on file; where nothing is, what `make` gives, from now on."""
        query = select(secrets.c.value).where(secrets.c.name == name)

        async def work(connection: AsyncConnection) -> bytes:
            row = {"name": name, "value": make()}
            insert = insert_into(secrets, connection.dialect.name).values(row)
            await connection.execute(insert.on_conflict_do_nothing())
            kept: bytes = (await connection.execute(query)).scalar_one()
            return kept

        async with self._database.reading() as connection:
            on_file: bytes | None = await connection.scalar(query)
        return on_file if on_file is not None else await self._database.transact(work)
