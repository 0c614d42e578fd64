"""What callers want written, and how a batch of it becomes a few statements."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from sqlalchemy import Table, bindparam, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.dml import Insert

from vms.inventory.model import Alarm, Transition
from vms.persistence import presence_log
from vms.persistence.rows import NO_BINDING, Row, row_of_alarm
from vms.persistence.tables import alarms, channels, clock_steps, devices, runs, waiting


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

    @property
    def family(self) -> int:
        """Which operations must keep their order among each other."""
        return self.value[0]


Work = Callable[[AsyncConnection], Awaitable[None]]
"""Anything else to be done inside the transaction."""


@dataclass(slots=True)
class Change:
    """What one caller wants stored, all or nothing."""

    rows: Sequence[tuple[Operation, Sequence[Row]]] = ()
    transitions: Sequence[Transition] = ()
    alarm: Alarm | None = None
    work: Work | None = None


@dataclass(slots=True)
class ChangeWriter:
    """Writes many changes with few statements."""

    dialect_name: str
    _statements: Mapping[Operation, Executable] = field(init=False)
    _add_alarms: Executable = field(init=False)

    def __post_init__(self) -> None:
        self._statements = {
            Operation.SAVE_DEVICE: self._upsert(devices, "key"),
            Operation.TOUCH_DEVICE: _touch_devices(),
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
        }
        # Rows that are there already give nothing back.
        self._add_alarms = (
            insert_into(alarms, self.dialect_name)
            .on_conflict_do_nothing(index_elements=["device_key", "fingerprint"])
            .returning(alarms.c.alarm_id)
        )

    async def __call__(
        self, connection: AsyncConnection, changes: Sequence[Change]
    ) -> Sequence[bool]:
        """True for each, but False for an alarm that was there already."""
        for operation, rows in _merged(changes):
            await connection.execute(self._statements[operation], rows)
        transitions = [step for change in changes for step in change.transitions]
        if transitions:
            await presence_log.append(connection, transitions)
        new_alarms = await self._store_alarms(connection, changes)
        for change in changes:
            if change.work is not None:
                await change.work(connection)
        return [change.alarm is None or change.alarm.alarm_id in new_alarms for change in changes]

    async def _store_alarms(
        self, connection: AsyncConnection, changes: Sequence[Change]
    ) -> frozenset[str]:
        rows = [row_of_alarm(change.alarm) for change in changes if change.alarm is not None]
        if not rows:
            return frozenset()
        return frozenset((await connection.scalars(self._add_alarms, rows)).all())

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


def _touch_devices() -> Executable:
    names = (
        "last_keepalive_at",
        "last_heard_at",
        "keepalive_interval_s",
        "keepalive_misses",
        "state",
        "state_since",
        "tolerances",
        *NO_BINDING,
    )
    return (
        update(devices)
        .where(devices.c.key == bindparam("b_key"))
        .values({name: bindparam(name) for name in names})
    )


def _hide(table: Table) -> Executable:
    return update(table).where(table.c.key == bindparam("b_key")).values(removed=True)


def _merged(changes: Sequence[Change]) -> Sequence[tuple[Operation, list[Row]]]:
    """Runs of one operation, by family; what comes one after the other stays so."""
    families: dict[int, list[tuple[Operation, list[Row]]]] = {}
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
