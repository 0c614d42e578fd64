"""`DeviceStore` in SQL: the same for SQLite and PostgreSQL."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, false, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from vms.gb28181.ids import DeviceId
from vms.inventory.model import (
    Alarm,
    Channel,
    ChannelKey,
    Device,
    DeviceKey,
    Interval,
    Subject,
    SubjectKind,
    Transition,
    TreeNode,
    Waiting,
)
from vms.inventory.placement import PlaceStep
from vms.inventory.store import ClockStep, LastHeard, Stored
from vms.persistence import placement_log, presence_log
from vms.persistence.changes import Change, Once, Operation
from vms.persistence.database import Database
from vms.persistence.group_store import SqlGroupStore
from vms.persistence.placement_store import SqlPlacementStore
from vms.persistence.report_store import SqlReportStore
from vms.persistence.rows import (
    Row,
    alarm_of,
    channel_of,
    device_of,
    fetched,
    liveness_of,
    node_of,
    row_of_alarm,
    row_of_channel,
    row_of_device,
    row_of_node,
    row_of_waiting,
    waiting_of,
)
from vms.persistence.signs_of_life import SignsOfLife
from vms.persistence.tables import (
    alarms,
    channels,
    devices,
    runs,
    signs_of_life,
    tree_nodes,
    waiting,
)


class SqlDeviceStore(SqlReportStore, SqlPlacementStore, SqlGroupStore):
    """Rows of devices, channels, alarms, waiting room and ledger. See `DeviceStore`.

    Raises `ConflictError` where a change contradicts what is stored (a second device on file with
    one ID, a ledger step that ends an interval which is not open), `InvalidError` for a value that
    no database takes, `UnavailableError` when the database cannot serve. One store is one run: its
    life marks move one row of `runs`.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._run_id = uuid4().hex
        self._signs: SignsOfLife | None = None

    async def load_all(self) -> Stored:
        """At start-up."""
        async with self._database.reading() as connection:
            device_rows = await connection.execute(
                select(devices).where(devices.c.removed == false()).order_by(devices.c.key)
            )
            channel_rows = await connection.execute(
                _channels().where(channels.c.removed == false()).order_by(channels.c.key)
            )
            waiting_rows = await connection.execute(select(waiting).order_by(*waiting.primary_key))
            node_rows = await connection.execute(
                select(tree_nodes)
                .join_from(tree_nodes, devices, tree_nodes.c.device_key == devices.c.key)
                .where(devices.c.removed == false())
            )
            signs = self._signs = await _signs_of_life(connection)
            open_intervals = await presence_log.open_intervals(connection)
            open_placements = await placement_log.open_placements(connection)
            last_life_s = await connection.scalar(select(func.max(runs.c.last_life_s)))
            device_key = await connection.scalar(select(func.max(devices.c.key)))
            channel_key = await connection.scalar(select(func.max(channels.c.key)))
            ledger_device = await presence_log.highest_key(connection, SubjectKind.DEVICE)
            ledger_channel = await presence_log.highest_key(connection, SubjectKind.CHANNEL)
            return Stored(
                devices=tuple(signs.laid_over(device_of(row)) for row in device_rows),
                channels=tuple(channel_of(row) for row in channel_rows),
                waiting=tuple(waiting_of(row) for row in waiting_rows),
                open_intervals=tuple(open_intervals),
                last_life_s=last_life_s,
                next_device_key=max(device_key or 0, ledger_device) + 1,
                next_channel_key=max(channel_key or 0, ledger_channel) + 1,
                nodes=tuple(node_of(row) for row in node_rows),
                open_placements=tuple(open_placements),
            )

    async def save_device(
        self,
        device: Device,
        transitions: Sequence[Transition] = (),
        places: Sequence[PlaceStep] = (),
    ) -> None:
        """Insert or update by key, with what it changes in the ledger."""
        await self._write(
            Change(
                [(Operation.SAVE_DEVICE, [row_of_device(device)])],
                transitions=transitions,
                places=places,
            )
        )

    async def touch_devices(self, devices: Sequence[Device]) -> None:
        """Write binding, last times, learned period, state and tolerances of many at once."""
        rows: list[Row] = [{"b_key": device.key, **liveness_of(device)} for device in devices]
        if rows:
            await self._write(Change([(Operation.TOUCH_DEVICE, rows)]))

    async def note_heard(self, heard: Sequence[LastHeard]) -> None:
        """Write when many were last heard; for those of which nothing else changed.

        Of a time noted here and one saved with the device the later counts.
        """
        if self._signs is None:
            async with self._database.reading() as connection:
                self._signs = await _signs_of_life(connection)
        rows = self._signs.note(heard)
        if rows:
            await self._write(Change([(Operation.SIGNS_OF_LIFE, rows)]))

    async def remove_device(
        self,
        key: DeviceKey,
        channels: Sequence[ChannelKey],
        transitions: Sequence[Transition],
        places: Sequence[PlaceStep] = (),
    ) -> None:
        """Hide a device and its channels; their ledgers stay."""
        await self._write(
            Change(
                [
                    (Operation.REMOVE_DEVICE, [{"b_key": key}]),
                    (Operation.REMOVE_CHANNEL, [{"b_key": channel} for channel in channels]),
                ],
                transitions=transitions,
                places=places,
            )
        )

    async def save_channels(
        self,
        saved: Sequence[Channel],
        removed: Sequence[ChannelKey] = (),
        transitions: Sequence[Transition] = (),
        places: Sequence[PlaceStep] = (),
    ) -> None:
        """Insert or update by key; hide the removed first, so that their IDs are free."""
        await self._write(
            Change(
                [
                    (Operation.REMOVE_CHANNEL, [{"b_key": key} for key in removed]),
                    (Operation.SAVE_CHANNEL, [row_of_channel(channel) for channel in saved]),
                ],
                transitions=transitions,
                places=places,
            )
        )

    async def save_nodes(
        self, key: DeviceKey, nodes: Sequence[TreeNode], *, replaces: bool
    ) -> None:
        """Insert or update the nodes of a device's tree; with `replaces` the others go."""
        forgotten: list[Row] = [{"b_device_key": key}] if replaces else []
        await self._write(
            Change(
                [
                    (Operation.FORGET_TREE, forgotten),
                    (Operation.SAVE_TREE_NODE, [row_of_node(node) for node in nodes]),
                ]
            )
        )

    async def append(
        self, transitions: Sequence[Transition], places: Sequence[PlaceStep] = ()
    ) -> None:
        """Steps of ledger and placements alone."""
        if transitions or places:
            await self._write(Change(transitions=transitions, places=places))

    async def last_life_s(self) -> int | None:
        """The newest life mark; None on a fresh database."""
        async with self._database.reading() as connection:
            newest: int | None = await connection.scalar(select(func.max(runs.c.last_life_s)))
            return newest

    async def life_mark(self, at_s: int) -> None:
        """We were alive and observing at `at_s`."""
        row: Row = {"run_id": self._run_id, "started_s": at_s, "last_life_s": at_s}
        await self._write(Change([(Operation.LIFE_MARK, [row])]))

    async def clock_step(self, step: ClockStep) -> None:
        """Keep a note of a stepped wall clock."""
        row: Row = {"at_s": step.at_s, "step_s": step.step_s}
        await self._write(Change([(Operation.CLOCK_STEP, [row])]))

    async def add_alarm(self, alarm: Alarm) -> bool:
        """Store once; False when (device, fingerprint) is already there."""
        return await self._database.write(Change(once=(Once.ALARM, [row_of_alarm(alarm)]))) > 0

    async def alarms(
        self, device_id: DeviceId | None, before_id: str | None, limit: int
    ) -> Sequence[Alarm]:
        """Newest first."""
        query = select(alarms).order_by(alarms.c.alarm_id.desc()).limit(limit)
        if device_id is not None:
            query = query.where(alarms.c.device_id == str(device_id))
        if before_id is not None:
            query = query.where(alarms.c.alarm_id < before_id)
        async with self._database.reading() as connection:
            return [alarm_of(row) for row in await connection.execute(query)]

    async def save_waiting(self, waiting: Waiting, evicted: Sequence[Waiting] = ()) -> None:
        """Insert or update by (device_id, source_host)."""
        await self._write(
            Change(
                [
                    (Operation.EVICT_WAITING, _evictions(evicted)),
                    (Operation.SAVE_WAITING, [row_of_waiting(waiting)]),
                ]
            )
        )

    async def drop_waiting(self, rows: Sequence[Waiting]) -> None:
        """These rows, by (device_id, source_host)."""
        await self._write(Change([(Operation.EVICT_WAITING, _evictions(rows))]))

    async def delete_waiting(self, device_id: DeviceId) -> None:
        """All rows of one ID."""
        rows: list[Row] = [{"b_device_id": str(device_id)}]
        await self._write(Change([(Operation.DELETE_WAITING, rows)]))

    async def intervals(self, subject: Subject, from_s: int, to_s: int) -> Sequence[Interval]:
        """Those that overlap [from_s, to_s), in order of start."""
        async with self._database.reading(one_moment=True) as connection:
            return await presence_log.intervals(connection, subject, from_s, to_s)

    async def intervals_of_all(
        self, kind: SubjectKind, from_s: int, to_s: int
    ) -> Sequence[Interval]:
        """The same for every subject of a kind, removed ones included, by subject then start."""
        async with self._database.reading(one_moment=True) as connection:
            return await presence_log.intervals_of_all(connection, kind, from_s, to_s)

    async def removed_channels(self) -> Sequence[Channel]:
        """Channels that were on file once."""
        gone = _channels().where(channels.c.removed == true()).order_by(channels.c.key)
        async with self._database.reading() as connection:
            return await fetched(connection, gone, channel_of)

    async def _write(self, change: Change) -> None:
        await self._database.write(change)


async def _signs_of_life(connection: AsyncConnection) -> SignsOfLife:
    rows = await connection.execute(select(signs_of_life.c.number, signs_of_life.c.times))
    return SignsOfLife((row.number, row.times) for row in rows)


def _evictions(rows: Sequence[Waiting]) -> list[Row]:
    return [{"b_device_id": str(row.device_id), "b_source_host": row.source_host} for row in rows]


def _channels() -> Select[*tuple[Any, ...]]:
    return select(channels, devices.c.device_id).join_from(
        channels, devices, channels.c.device_key == devices.c.key
    )
