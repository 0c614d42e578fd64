"""Our own tree and the local names of divisions, in SQL."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vms.inventory.own_groups import OwnGroup
from vms.persistence.changes import insert_into
from vms.persistence.database import Database
from vms.persistence.figure_tables import division_names, own_groups

NAMES_AT_ONCE = 5000
"""A row has three values, and SQLite takes 32,766 in a statement."""

_BY_HAND = "local"


class SqlGroupStore:
    """Rows of own groups and of names. See `vms.inventory.store.GroupStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def own_groups(self) -> Sequence[OwnGroup]:
        """All nodes."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(own_groups))
            return [OwnGroup(row.group_id, row.name, row.parent_id, row.position) for row in rows]

    async def save_own_group(self, group: OwnGroup) -> None:
        """Insert or update by ID."""
        values = {"name": group.name, "parent_id": group.parent_id, "position": group.position}

        async def work(connection: AsyncConnection) -> None:
            insert = insert_into(own_groups, connection.dialect.name)
            await connection.execute(
                insert.values(group_id=group.group_id, **values).on_conflict_do_update(
                    index_elements=[own_groups.c.group_id], set_=values
                )
            )

        await self._database.transact(work)

    async def delete_own_group(self, group_id: str) -> None:
        """One node."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(own_groups).where(own_groups.c.group_id == group_id))

        await self._database.transact(work)

    async def division_names(self) -> Mapping[str, str]:
        """Names by code."""
        query = select(division_names.c.code, division_names.c.name)
        async with self._database.reading() as connection:
            return {row.code: row.name for row in await connection.execute(query)}

    async def save_division_names(self, names: Mapping[str, str]) -> None:
        """Insert or update by code."""
        rows = [{"code": code, "name": name, "source": _BY_HAND} for code, name in names.items()]

        async def work(connection: AsyncConnection) -> None:
            for first in range(0, len(rows), NAMES_AT_ONCE):
                insert = insert_into(division_names, connection.dialect.name)
                insert = insert.values(rows[first : first + NAMES_AT_ONCE])
                await connection.execute(
                    insert.on_conflict_do_update(
                        index_elements=[division_names.c.code],
                        set_={"name": insert.excluded.name, "source": insert.excluded.source},
                    )
                )

        await self._database.transact(work)

    async def delete_division_name(self, code: str) -> None:
        """One name."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(division_names).where(division_names.c.code == code))

        await self._database.transact(work)
