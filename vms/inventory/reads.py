"""What may be asked of the inventory: lists from memory, the past from the ledger."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime

from vms.errors import NotFoundError
from vms.gb28181.ids import DeviceId
from vms.gb28181.profiles import Profile
from vms.inventory.ledger import Breach, breaches
from vms.inventory.model import (
    Alarm,
    Channel,
    Device,
    Interval,
    State,
    Status,
    Subject,
    SubjectKind,
    Waiting,
)
from vms.inventory.profiling import profile_of
from vms.inventory.quarantine import Duplicate, grouped
from vms.inventory.queries import (
    LARGEST_PAGE,
    ChannelQuery,
    DeviceQuery,
    Page,
    Summary,
    page,
    status_of,
)
from vms.inventory.roster import Record, channel_cursor, channels_of
from vms.inventory.tree import GroupNode, group_tree
from vms.inventory.vigilance import Vigilance


class InventoryReads(Vigilance):
    """Everything here changes nothing."""

    def device(self, device_id: str) -> Device:
        """A device on file; raises `NotFoundError`."""
        return self._record(device_id).seen(self._ledger_clock)

    def find_device(self, device_id: str) -> Device | None:
        """A device on file, or None."""
        record = self._roster.records.get(device_id)
        return None if record is None else record.seen(self._ledger_clock)

    def on_file(self, device_id: str) -> Device | None:
        """The same as last committed, without its latest signs of life: costs nothing."""
        record = self._roster.records.get(device_id)
        return None if record is None else record.device

    def devices(self, query: DeviceQuery) -> Page[Device]:
        """Devices in order of ID."""

        def matching(cursor: str | None) -> Iterator[Record]:
            records = self._roster.records_after(cursor)
            return (record for record in records if query.fits(record.device))

        return page(
            (record.seen(self._ledger_clock) for record in matching(query.cursor)),
            query.limit,
            lambda device: device.device_id,
            # Counted as they are on file: a snapshot of each would hold up a city for 0.3 s.
            matching(None) if query.with_total else None,
        )

    def channel(self, device_id: str, channel_id: str) -> Channel:
        """A channel on file; raises `NotFoundError`."""
        channel = self._record(device_id).channels.get(channel_id)
        if channel is None:
            raise NotFoundError(f"no channel {channel_id} on device {device_id}")
        return channel

    def channels_of(self, device_id: str) -> Sequence[Channel]:
        """All channels of a device, in order of ID; none of one that is not on file."""
        record = self._roster.records.get(device_id)
        return () if record is None else list(channels_of(record, None))

    def find_channel(self, device_id: str, channel_id: str) -> Channel | None:
        """A channel on file, or None."""
        record = self._roster.records.get(device_id)
        return None if record is None else record.channels.get(channel_id)

    def has_channel(self, device_id: str, channel_id: str) -> bool:
        """Whether a device on file has it."""
        return self.find_channel(device_id, channel_id) is not None

    def is_taken(self, identifier: str) -> bool:
        """Whether any device or channel on file bears it."""
        return identifier in self._roster.records or self._anomalies.is_owned(identifier)

    def channels(self, query: ChannelQuery) -> Page[Channel]:
        """Channels in order of device and channel ID."""

        def matching(cursor: str | None) -> Iterator[Channel]:
            if query.device_id is None:
                channels = self._roster.channels_after(cursor)
            else:
                channels = channels_of(self._record(query.device_id), cursor)
            return (channel for channel in channels if query.fits(channel))

        return page(
            matching(query.cursor),
            query.limit,
            channel_cursor,
            matching(None) if query.with_total else None,
        )

    def channel_counts(self, device_id: str) -> tuple[int, int]:
        """Channels of a device: on file, online now."""
        record = self._record(device_id)
        return len(record.channels), record.online_channels

    def waiting(self) -> list[Waiting]:
        """The waiting room, the latest first; units refused for a double ID are `duplicates`."""
        records = self._roster.records
        return [row for row in self._room.rows() if row.device_id not in records]

    def duplicates(self) -> list[Duplicate]:
        """IDs on file that another unit claims as well (T19), the latest first."""
        records = self._roster.records
        rows = (row for row in self._room.rows() if row.device_id in records)
        return [
            Duplicate(records[device_id].seen(self._ledger_clock), tuple(refused))
            for device_id, refused in grouped(rows).items()
        ]

    async def groups(self) -> list[GroupNode]:
        """The trees of business groups and virtual organisations with live counts."""
        records = self._roster.records.values()
        nodes = [node for record in records for node in (record.nodes or {}).values()]
        on_file = list(self._roster.channels_after(None))
        return await asyncio.to_thread(group_tree, nodes, on_file)

    def profile(self, device_id: str) -> Profile:
        """How a device is to be spoken to: the profile set for it, else the one chosen for its
        maker, with single fields as set. Its `edition` is the one to speak. Raises `NotFoundError`.
        """
        return profile_of(self._record(device_id).device)

    def is_writing(self, device_id: str) -> bool:
        """A change of the device is under way."""
        return device_id in self._gates

    def status(self, device: Device) -> Status:
        """What lists show of a device."""
        return status_of(device.state)

    def summary(self) -> Summary:
        """Everything counted by state, now."""
        return Summary(
            devices={state: self._roster.device_states[state] for state in State},
            channels={state: self._roster.channel_states[state] for state in State},
            waiting=sum(not row.refused for row in self.waiting()),
        )

    async def observed_until(self) -> int:
        """Commit what was observed; the ledger then says all there is up to this second."""
        now_s = self._ledger_clock.now_s()
        await self._journal.write()
        return now_s

    def final_until(self) -> int:
        """Up to this second nothing of the ledger will change: everything was observed and
        committed, and a life mark says so. What was not seen because this process stood still is
        noted by its watch, so the watch has to have gone on as well."""
        watched_s = int(self._ledger_clock.moment(self._watched_at).timestamp())
        return min(self._marked_s, watched_s)

    def channels_on_file(self) -> Iterator[Channel]:
        """All, in order of device and channel ID. Not across an await."""
        return self._roster.channels_after(None)

    async def removed_channels(self) -> Sequence[Channel]:
        """Those that were on file once."""
        return await self._store.removed_channels()

    async def ledger(
        self, device_id: str, channel_id: str | None, start: datetime, end: datetime
    ) -> list[Interval]:
        """The intervals of a channel, or of the device, that overlap [start, end)."""
        if channel_id is None:
            subject = Subject(SubjectKind.DEVICE, self._record(device_id).device.key)
        else:
            subject = Subject(SubjectKind.CHANNEL, self.channel(device_id, channel_id).key)
        await self._journal.write()
        return list(
            await self._store.intervals(subject, int(start.timestamp()), int(end.timestamp()))
        )

    async def alarms(
        self, device_id: str | None = None, before_id: str | None = None, limit: int = 100
    ) -> Sequence[Alarm]:
        """Alarms, newest first."""
        wanted = None if device_id is None else DeviceId(device_id)
        return await self._store.alarms(wanted, before_id, max(1, min(limit, LARGEST_PAGE)))

    async def check_conservation(self, start: datetime, end: datetime) -> list[Breach]:
        """Where the ledger does not add up: nowhere (N8)."""
        await self._journal.write()
        found: list[Breach] = []
        for kind in SubjectKind:
            intervals = await self._store.intervals_of_all(
                kind, int(start.timestamp()), int(end.timestamp())
            )
            found += await asyncio.to_thread(breaches, intervals)
        return found
