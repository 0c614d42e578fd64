"""What callers want written, and how a batch of it becomes a few statements."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, cast

from sqlalchemy import ColumnElement, Integer, Table, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.dml import Insert, UpdateBase

from vms.inventory.model import Transition
from vms.inventory.placement import PlaceStep
from vms.persistence import placement_log, presence_log
from vms.persistence.bulk import Bulk
from vms.persistence.rows import NO_BINDING, AnyRow, ChannelRow, Row
from vms.persistence.tables import (
    alarms,
    channels,
    clock_steps,
    devices,
    latest_positions,
    notices,
    positions,
    runs,
    signs_of_life,
    tree_nodes,
    waiting,
)


class Operation(Enum):
    """A statement that takes many rows: its family, its place in it.

    Families are written in order (a channel needs its device); inside a family the order of
    arrival is kept.
    """

    SAVE_DEVICE = (0, 0)
    TOUCH_DEVICE = (0, 1)
    REMOVE_DEVICE = (0, 2)
    SAVE_CHANNEL = (1, 0)
    REMOVE_CHANNEL = (1, 1)
    SAVE_WAITING = (2, 0)
    EVICT_WAITING = (2, 1)
    DELETE_WAITING = (2, 2)
    LIFE_MARK = (3, 0)
    CLOCK_STEP = (4, 0)
    PRUNE_NOTICES = (5, 0)
    PRUNE_POSITIONS = (6, 0)
    LATEST_POSITION = (7, 0)
    FORGET_TREE = (8, 0)
    SAVE_TREE_NODE = (8, 1)
    SIGNS_OF_LIFE = (9, 0)

    @property
    def family(self) -> int:
        """Which operations must keep their order among each other."""
        return self.value[0]


class Once(Enum):
    """Rows that are stored once: their table, and the columns by which each is told from others."""

    ALARM = (alarms, ("alarm_id",), ("device_key", "fingerprint"))
    NOTICE = (notices, ("notice_id",), ("device_key", "fingerprint"))
    POSITION = (
        positions,
        ("device_key", "source_id", "captured_at"),
        ("device_key", "source_id", "captured_at"),
    )

    @property
    def identity(self) -> tuple[str, ...]:
        """Columns that name the very row: one that was there already gives nothing back."""
        columns: tuple[str, ...] = self.value[1]
        return columns


MANY = frozenset(
    {
        Operation.SAVE_DEVICE,
        Operation.TOUCH_DEVICE,
        Operation.SAVE_CHANNEL,
        Operation.SIGNS_OF_LIFE,
    }
)
"""Those whose rows come by the thousand, and name every parameter of their statement."""

Work = Callable[[AsyncConnection], Awaitable[None]]
"""Anything else to be done inside the transaction."""


@dataclass(slots=True)
class Change:
    """What one caller wants stored, all or nothing."""

    rows: Sequence[tuple[Operation, Sequence[AnyRow]]] = ()
    transitions: Sequence[Transition] = ()
    once: tuple[Once, Sequence[Row]] | None = None
    work: Work | None = None
    places: Sequence[PlaceStep] = ()

    @property
    def is_patient(self) -> bool:
        """Alarms, notices and positions let registrations and catalogues go first: they come in
        storms, and nothing that is stored refers to them."""
        return self.once is not None


@dataclass(slots=True)
class ChangeWriter:
    """Writes many changes with few statements."""

    dialect_name: str
    _statements: Mapping[Operation, UpdateBase] = field(init=False)
    _once: Mapping[Once, Executable] = field(init=False)
    _bulks: dict[Operation, Bulk] = field(init=False, default_factory=dict[Operation, Bulk])

    def __post_init__(self) -> None:
        self._statements = {
            Operation.SAVE_DEVICE: self._upsert(devices, "key"),
            Operation.TOUCH_DEVICE: _update_devices(
                "last_keepalive_at",
                "last_heard_at",
                "keepalive_interval_s",
                "keepalive_misses",
                "state",
                "state_since",
                "tolerances",
                "clock_offset_s",
                *NO_BINDING,
            ),
            Operation.REMOVE_DEVICE: _hide(devices),
            Operation.SAVE_CHANNEL: self._upsert(channels, "key"),
            Operation.REMOVE_CHANNEL: _hide(channels),
            Operation.SAVE_WAITING: self._upsert(waiting, "device_id", "source_host"),
            Operation.EVICT_WAITING: delete(waiting).where(
                waiting.c.device_id == bindparam("b_device_id"),
                waiting.c.source_host == bindparam("b_source_host"),
            ),
            Operation.DELETE_WAITING: delete(waiting).where(
                waiting.c.device_id == bindparam("b_device_id")
            ),
            Operation.LIFE_MARK: self._life_mark(),
            Operation.CLOCK_STEP: insert_into(clock_steps, self.dialect_name),
            Operation.PRUNE_NOTICES: _prune(notices, notices.c.notice_id, "device_key", "is_known"),
            Operation.PRUNE_POSITIONS: _prune(positions, positions.c.position_key, "device_key"),
            Operation.LATEST_POSITION: self._upsert(latest_positions, "device_key", "source_id"),
            Operation.FORGET_TREE: delete(tree_nodes).where(
                tree_nodes.c.device_key == bindparam("b_device_key")
            ),
            Operation.SAVE_TREE_NODE: self._upsert(tree_nodes, "device_key", "node_id"),
            Operation.SIGNS_OF_LIFE: self._upsert(signs_of_life, "number"),
        }
        self._once = {once: self._insert_once(once) for once in Once}

    async def __call__(
        self, connection: AsyncConnection, changes: Sequence[Change]
    ) -> Sequence[int]:
        """How many of each one's `once` rows were new."""
        for operation, rows in _merged(changes):
            if operation in MANY:
                await self._bulk(operation, rows[0], connection).write(connection, rows)
            else:
                await connection.execute(self._statements[operation], cast("list[Row]", rows))
        transitions = [step for change in changes for step in change.transitions]
        if transitions:
            await presence_log.append(connection, transitions)
        places = [step for change in changes for step in change.places]
        if places:
            await placement_log.append(connection, places)
        counts = await self._store_once(connection, changes)
        for change in changes:
            if change.work is not None:
                await change.work(connection)
        return counts

    def _bulk(self, operation: Operation, row: AnyRow, connection: AsyncConnection) -> Bulk:
        bulk = self._bulks.get(operation)
        if bulk is None:
            names = row._fields if isinstance(row, ChannelRow) else row
            bulk = Bulk(self._statements[operation], names, connection.dialect)
            self._bulks[operation] = bulk
        return bulk

    async def _store_once(
        self, connection: AsyncConnection, changes: Sequence[Change]
    ) -> Sequence[int]:
        counts = [0] * len(changes)
        for once in Once:
            rows = [
                (index, row)
                for index, change in enumerate(changes)
                if change.once is not None and change.once[0] is once
                for row in change.once[1]
            ]
            if not rows:
                continue
            stored = await connection.execute(self._once[once], [row for _, row in rows])
            new = {tuple(found) for found in stored}
            for index, row in rows:
                identity = tuple(row[name] for name in once.identity)
                if identity in new:
                    new.discard(identity)
                    counts[index] += 1
        return counts

    def _insert_once(self, once: Once) -> UpdateBase:
        """Rows that are there already give nothing back."""
        table, identity, unique = once.value
        return (
            insert_into(table, self.dialect_name)
            .on_conflict_do_nothing(index_elements=unique)
            .returning(*(table.c[name] for name in identity))
        )

    def _upsert(self, table: Table, *key: str) -> Insert:
        """Insert or update by `key`; what is hidden stays hidden."""
        statement = insert_into(table, self.dialect_name)
        kept = {*key, "removed"}
        return statement.on_conflict_do_update(
            index_elements=key,
            set_={
                column.name: statement.excluded[column.name]
                for column in table.c
                if column.name not in kept
            },
        )

    def _life_mark(self) -> Insert:
        """A row a run; marks never go back."""
        statement = insert_into(runs, self.dialect_name)
        return statement.on_conflict_do_update(
            index_elements=["run_id"],
            set_={"last_life_s": statement.excluded.last_life_s},
            where=statement.excluded.last_life_s > runs.c.last_life_s,
        )


def insert_into(table: Table, dialect_name: str) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT; both databases write it the same way."""
    return postgresql.insert(table) if dialect_name == "postgresql" else sqlite.insert(table)


def _update_devices(*names: str) -> UpdateBase:
    return (
        update(devices)
        .where(devices.c.key == bindparam("b_key"))
        .values({name: bindparam(name) for name in names})
    )


def _prune(table: Table, order: ColumnElement[Any], *of: str) -> UpdateBase:
    """All but the newest `b_keep` rows of those that have these columns in common."""
    alike = [table.c[name] == bindparam(f"b_{name}") for name in of]
    # Above the oldest that stays there are as many as are kept.
    surplus = select(order).where(*alike).order_by(order.desc()).limit(1)
    return delete(table).where(
        *alike, order <= surplus.offset(bindparam("b_keep", type_=Integer())).scalar_subquery()
    )


def _hide(table: Table) -> UpdateBase:
    return update(table).where(table.c.key == bindparam("b_key")).values(removed=True)


def _merged(changes: Sequence[Change]) -> Sequence[tuple[Operation, list[AnyRow]]]:
    """Runs of one operation, by family; what comes one after the other stays so."""
    families: dict[int, list[tuple[Operation, list[AnyRow]]]] = {}
    for change in changes:
        for operation, rows in change.rows:
            if not rows:
                continue
            runs_of_family = families.setdefault(operation.family, [])
            if runs_of_family and runs_of_family[-1][0] is operation:
                runs_of_family[-1][1].extend(rows)
            else:
                runs_of_family.append((operation, list(rows)))
    return [run for family in sorted(families) for run in families[family]]
