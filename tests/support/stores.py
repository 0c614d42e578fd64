"""A small real `DeviceStore`: what a database would hold, in dictionaries."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.support.report_stores import InMemoryReportStore
from vms.errors import ConflictError, UnavailableError
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
from vms.inventory.placement import Place, Placement, PlaceStep, Unplaced
from vms.inventory.store import ClockStep, LastHeard, Stored


class InMemoryDeviceStore(InMemoryReportStore):
    """Passes the tests of the stores in `vms.persistence`; survives the `Inventory` it serves.

    `is_down` makes every call fail as a lost database does; while `is_open` is cleared, writes wait
    before they commit. `writes` counts commits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.writes = 0
        self.clock_steps: list[ClockStep] = []
        self._devices: dict[DeviceKey, Device] = {}
        self._channels: dict[ChannelKey, Channel] = {}
        self._removed_devices: set[DeviceKey] = set()
        self._removed_channels: set[ChannelKey] = set()
        self._ledger: dict[Subject, list[Interval]] = {}
        self.last_life_s: int | None = None
        self._alarms: dict[tuple[DeviceKey, str], Alarm] = {}
        self._waiting: dict[tuple[str, str], Waiting] = {}
        self._nodes: dict[DeviceKey, dict[str, TreeNode]] = {}
        self._place_keys: dict[Place, int] = {}
        self._placements: dict[ChannelKey, list[Placement]] = {}

    async def load_all(self) -> Stored:
        self._require()
        return Stored(
            devices=tuple(
                device
                for key, device in sorted(self._devices.items())
                if key not in self._removed_devices
            ),
            channels=tuple(
                channel
                for key, channel in sorted(self._channels.items())
                if key not in self._removed_channels
            ),
            waiting=tuple(row for _, row in sorted(self._waiting.items())),
            open_intervals=tuple(
                rows[-1] for _, rows in self._sorted_ledger() if rows and rows[-1].end_s is None
            ),
            last_life_s=self.last_life_s,
            next_device_key=self._next(self._devices, SubjectKind.DEVICE),
            next_channel_key=self._next(self._channels, SubjectKind.CHANNEL),
            nodes=tuple(
                node
                for key, nodes in self._nodes.items()
                if key not in self._removed_devices
                for node in nodes.values()
            ),
            open_placements=tuple(
                rows[-1]
                for _, rows in sorted(self._placements.items())
                if rows and rows[-1].end_s is None
            ),
        )

    async def save_device(
        self,
        device: Device,
        transitions: Sequence[Transition] = (),
        places: Sequence[PlaceStep] = (),
    ) -> None:
        await self._commit()
        self._write_ledger(transitions)
        self._write_places(places)
        self._devices[device.key] = _in_utc(device)

    async def touch_devices(self, devices: Sequence[Device]) -> None:
        await self._commit()
        for touched in devices:
            known = self._devices.get(touched.key)
            if known is None:
                continue
            self._devices[touched.key] = replace(
                known,
                binding=touched.binding,
                last_keepalive_at=touched.last_keepalive_at,
                last_heard_at=touched.last_heard_at,
                keepalive_interval_s=touched.keepalive_interval_s,
                keepalive_misses=touched.keepalive_misses,
                state=touched.state,
                state_since=touched.state_since,
                tolerances=touched.tolerances,
                clock_offset_s=touched.clock_offset_s,
            )

    async def note_heard(self, heard: Sequence[LastHeard]) -> None:
        await self._commit()
        for one in heard:
            known = self._devices.get(one.key)
            if known is not None:
                self._devices[one.key] = replace(
                    known,
                    last_keepalive_at=_later(known.last_keepalive_at, one.keepalive_us),
                    last_heard_at=_later(known.last_heard_at, one.heard_us),
                )

    async def remove_device(
        self,
        key: DeviceKey,
        channels: Sequence[ChannelKey],
        transitions: Sequence[Transition],
        places: Sequence[PlaceStep] = (),
    ) -> None:
        await self._commit()
        self._write_ledger(transitions)
        self._write_places(places)
        self._removed_devices.add(key)
        self._forget_latest(key)
        self._removed_channels.update(channels)

    async def save_channels(
        self,
        saved: Sequence[Channel],
        removed: Sequence[ChannelKey] = (),
        transitions: Sequence[Transition] = (),
        places: Sequence[PlaceStep] = (),
    ) -> None:
        await self._commit()
        self._write_ledger(transitions)
        self._write_places(places)
        self._channels.update((channel.key, channel) for channel in saved)
        self._removed_channels.update(removed)

    async def save_nodes(
        self, key: DeviceKey, nodes: Sequence[TreeNode], *, replaces: bool
    ) -> None:
        await self._commit()
        kept = {} if replaces else self._nodes.get(key, {})
        self._nodes[key] = {**kept, **{node.node_id: node for node in nodes}}

    async def append(
        self, transitions: Sequence[Transition], places: Sequence[PlaceStep] = ()
    ) -> None:
        await self._commit()
        self._write_ledger(transitions)
        self._write_places(places)

    async def placements(self, key: ChannelKey) -> Sequence[Placement]:
        self._require()
        return list(self._placements.get(key, ()))

    async def placements_of_all(self, from_s: int, to_s: int) -> Sequence[Placement]:
        self._require()
        return [
            row
            for _, rows in sorted(self._placements.items())
            for row in rows
            if row.start_s < to_s and (row.end_s is None or row.end_s > from_s)
        ]

    def forget_placements(self) -> None:
        """As a database of the version before them is."""
        self._placements.clear()

    async def unplaced_channels(self) -> Sequence[Unplaced]:
        self._require()
        return [
            Unplaced(
                key,
                min((row.start_s for row in rows), default=None),
                max((row.end_s for row in rows if row.end_s is not None), default=None),
            )
            for key in sorted(self._channels)
            if not self._placements.get(key)
            for rows in [self._ledger.get(Subject(SubjectKind.CHANNEL, key), ())]
        ]

    async def life_mark(self, at_s: int) -> None:
        await self._commit()
        self.last_life_s = max(at_s, self.last_life_s or at_s)

    async def clock_step(self, step: ClockStep) -> None:
        await self._commit()
        self.clock_steps.append(step)

    async def add_alarm(self, alarm: Alarm) -> bool:
        await self._commit()
        return (
            self._alarms.setdefault((alarm.device_key, alarm.fingerprint), alarm).alarm_id
            == alarm.alarm_id
        )

    async def alarms(
        self, device_id: DeviceId | None, before_id: str | None, limit: int
    ) -> Sequence[Alarm]:
        self._require()
        newest_first = sorted(self._alarms.values(), key=lambda alarm: alarm.alarm_id, reverse=True)
        return [
            alarm
            for alarm in newest_first
            if (device_id is None or alarm.device_id == device_id)
            and (before_id is None or alarm.alarm_id < before_id)
        ][:limit]

    async def save_waiting(self, waiting: Waiting, evicted: Sequence[Waiting] = ()) -> None:
        await self._commit()
        for row in evicted:
            self._waiting.pop((row.device_id, row.source_host), None)
        self._waiting[waiting.device_id, waiting.source_host] = waiting

    async def drop_waiting(self, rows: Sequence[Waiting]) -> None:
        await self._commit()
        for row in rows:
            self._waiting.pop((row.device_id, row.source_host), None)

    async def delete_waiting(self, device_id: DeviceId) -> None:
        await self._commit()
        for key in [key for key in self._waiting if key[0] == device_id]:
            del self._waiting[key]

    async def intervals(self, subject: Subject, from_s: int, to_s: int) -> Sequence[Interval]:
        self._require()
        return _overlapping(self._ledger.get(subject, ()), from_s, to_s)

    async def intervals_of_all(
        self, kind: SubjectKind, from_s: int, to_s: int
    ) -> Sequence[Interval]:
        self._require()
        return [
            interval
            for subject, rows in self._sorted_ledger()
            if subject.kind is kind
            for interval in _overlapping(rows, from_s, to_s)
        ]

    async def removed_channels(self) -> Sequence[Channel]:
        self._require()
        return [self._channels[key] for key in sorted(self._removed_channels)]

    def _require(self) -> None:
        if self.is_down:
            raise UnavailableError("the database is down")

    async def _commit(self) -> None:
        await self.is_open.wait()
        self._require()
        self.writes += 1

    def _sorted_ledger(self) -> list[tuple[Subject, list[Interval]]]:
        return sorted(self._ledger.items(), key=lambda item: (item[0].kind, item[0].key))

    def _next(self, rows: Iterable[int], kind: SubjectKind) -> int:
        in_ledger = (subject.key for subject in self._ledger if subject.kind is kind)
        return max([0, *rows, *in_ledger]) + 1

    def _write_ledger(self, transitions: Sequence[Transition]) -> None:
        """All or nothing: a step that does not fit what is there refuses the lot."""
        changed: dict[Subject, list[Interval]] = {}
        for step in transitions:
            rows = changed.setdefault(step.subject, list(self._ledger.get(step.subject, ())))
            _take_step(rows, step)
        self._ledger.update(changed)

    def _write_places(self, steps: Sequence[PlaceStep]) -> None:
        """All or nothing, like `_write_ledger`, which is asked first."""
        changed: dict[ChannelKey, list[Placement]] = {}
        for step in steps:
            key = step.channel_key
            rows = changed.setdefault(key, list(self._placements.get(key, ())))
            if rows and rows[-1].end_s is None:
                last = rows.pop()
                if last.start_s > step.at_s:
                    raise ConflictError(f"{step} goes back behind {last}")
                if last.start_s < step.at_s:
                    rows.append(replace(last, end_s=step.at_s))
            if step.place is not None:
                place_key = self._place_keys.setdefault(step.place, len(self._place_keys) + 1)
                rows.append(Placement(key, step.at_s, None, place_key, step.place))
        self._placements.update(changed)


def _in_utc(device: Device) -> Device:
    """Times come back in UTC, whatever zone they were handed over in."""
    times = {
        name: moment.astimezone(UTC)
        for name in ("last_keepalive_at", "last_heard_at", "state_since", "created_at")
        if (moment := getattr(device, name)) is not None
    }
    # What only lives in memory is not stored.
    return replace(device, **times, faulty=(), is_flapping=False)


def _later(known: datetime | None, noted_us: int | None) -> datetime | None:
    if noted_us is None:
        return known
    noted = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=noted_us)
    return noted if known is None else max(known, noted)


def _take_step(rows: list[Interval], step: Transition) -> None:
    open_s = rows[-1].start_s if rows and rows[-1].end_s is None else None
    if open_s != step.closes_s or (open_s is not None and open_s > step.at_s):
        raise ConflictError(f"{step} does not fit {rows[-1:]}")
    if open_s is not None:
        last = rows.pop()
        if open_s < step.at_s:
            rows.append(replace(last, end_s=step.at_s))
    if step.opens:
        rows.append(Interval(step.subject, step.at_s, None, step.state, step.cause))


def _overlapping(rows: Iterable[Interval], from_s: int, to_s: int) -> list[Interval]:
    return [
        interval
        for interval in rows
        if interval.start_s < to_s and (interval.end_s is None or interval.end_s > from_s)
    ]
