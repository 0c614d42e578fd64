"""What people decide: devices on file, names over reports, who may come in.

Everything is committed before it returns.
"""

from collections.abc import Sequence
from dataclasses import replace

from vms.errors import ConflictError, NotFoundError
from vms.events import (
    DeviceAdded,
    DeviceChanged,
    DeviceRemoved,
    DeviceWaits,
    DuplicateDevice,
)
from vms.gb28181.ids import DeviceId
from vms.inventory.changes import patched
from vms.inventory.grouping import Grouping
from vms.inventory.journal import removal_of_device, removals
from vms.inventory.model import (
    Cause,
    Channel,
    ChannelPatch,
    Device,
    DeviceKey,
    DevicePatch,
    NewDevice,
    State,
    Waiting,
    WaitingVerdict,
)
from vms.inventory.placement import steps_of_removal
from vms.inventory.quarantine import address_text, is_over
from vms.inventory.roster import Record
from vms.inventory.waiting_room import asking


class Filing(Grouping):
    """Writes from the API, and the waiting room."""

    async def add_device(self, new: NewDevice) -> Device:
        """Put a device on file before it registers; raises `ConflictError` when it is there."""
        return await self._to_the_end(self._add_device(new))

    async def _add_device(self, new: NewDevice) -> Device:
        async with self._alone(new.device_id):
            return await self._put_on_file(self._fresh_device(new))

    async def _put_on_file(self, device: Device) -> Device:
        if device.device_id in self._roster.records:
            raise ConflictError(f"device {device.device_id} is on file already")
        record = Record(device)
        plan = self._journal.plan(record, device, State.NOT_COMMISSIONED, Cause.ADDED)
        await self._store.save_device(plan.device, plan.transitions)
        self._roster.add(record)
        self._journal.apply(record, plan)
        self._look_at_device(record)
        self._events.publish(DeviceAdded(device.device_id, self._ledger_clock.moment()))
        return plan.device

    async def patch_device(self, device_id: str, patch: DevicePatch) -> Device:
        """Change what a person may change; raises `InvalidError` for nonsense."""
        return await self._to_the_end(self._patch_device(device_id, patch))

    async def _patch_device(self, device_id: str, patch: DevicePatch) -> Device:
        async with self._alone(device_id):
            record = self._record(device_id)
            device = patched(record.seen(self._ledger_clock), patch)
            saved = await self._save(record, device)
            if "keepalive_interval_s" in patch or "keepalive_misses" in patch:
                record.presence.configure(saved.keepalive_interval_s, saved.keepalive_misses)
                self._schedule(record)
            self._events.publish(DeviceChanged(device_id, self._ledger_clock.moment()))
            return saved

    async def remove_device(self, device_id: str) -> None:
        """Take a device and its channels off file; their ledgers stay."""
        await self._to_the_end(self._remove_device(device_id))

    async def _remove_device(self, device_id: str) -> None:
        async with self._alone(device_id):
            record = self._record(device_id)
            await self._journal.settle(record)
            at_s = self._ledger_clock.now_s()
            channels = list(record.channels.values())
            await self._store.remove_device(
                record.device.key,
                [channel.key for channel in channels],
                [removal_of_device(record.device, at_s), *removals(channels, at_s)],
                list(steps_of_removal(channels, at_s)),
            )
            self._roster.remove(record)
            self._anomalies.forget_device(device_id, [channel.channel_id for channel in channels])
            self._positions.drop(record.device.key)
            for name in ("known", "unknown", "positions"):
                self._unpruned.pop((record.device.key, name), None)
            self._touched.discard(record)
            at = self._ledger_clock.moment()
            self._events.publish(DeviceRemoved(record.device.device_id, at))

    async def patch_channel(self, device_id: str, channel_id: str, patch: ChannelPatch) -> Channel:
        """Set a name or a division over what the device reports."""
        return await self._to_the_end(self._patch_channel(device_id, channel_id, patch))

    async def _patch_channel(self, device_id: str, channel_id: str, patch: ChannelPatch) -> Channel:
        async with self._alone(device_id), self._groups_stay(patch):
            known = self.channel(device_id, channel_id)
            channel = self._patched_channel(known, patch)
            record = self._record(device_id)
            await self._save_channels(record, [channel])
            self._roster.put_channel(record, channel)
            return channel

    async def note_waiting(
        self,
        device_id: str,
        host: str,
        port: int,
        *,
        transport: str,
        user_agent: str,
        verdict: WaitingVerdict,
    ) -> None:
        """A device that is not let in asked; more of the same only counts."""
        asked = asking(
            DeviceId(device_id),
            host,
            port,
            transport=transport,
            user_agent=user_agent,
            verdict=verdict,
            at=self._ledger_clock.moment(),
        )
        await self._to_the_end(self._note_waiting(asked))

    async def _note_waiting(self, asked: Waiting) -> None:
        async with self._alone(asked.device_id):
            row, is_news = self._room.row_for(asked)
            if not is_news:
                self._room.put(row)
                self._asked_again[row.device_id, row.source_host] = row
                return
            evicted = self._room.surplus(row)
            await self._store.save_waiting(row, evicted)
            self._room.put(row, evicted)
            if row.attempts == 1:
                self._tell_who_asks(row)

    async def approve(self, device_id: str, secret: str | None, trust: bool) -> Device:
        """Let a waiting device in at its next REGISTER.

        With a `secret` of its own, or with `trust` where its digest was right already; with neither
        it has to know what it is expected to know: the shared password or its derived secret.
        """
        return await self._to_the_end(self._approve(device_id, secret, trust=trust))

    async def _approve(self, device_id: str, secret: str | None, *, trust: bool) -> Device:
        async with self._alone(device_id):
            rows = self._waiting_rows(device_id)
            if trust and all(row.verdict is not WaitingVerdict.RIGHT for row in rows):
                raise ConflictError(f"device {device_id} has proved no password that we know")
            new = NewDevice(rows[-1].device_id, secret=secret)
            device = replace(self._fresh_device(new), user_agent=rows[-1].user_agent)
            saved = await self._put_on_file(device)
            await self._store.delete_waiting(saved.device_id)
            self._forget_waiting(saved.device_id)
            return saved

    async def refuse(self, device_id: str) -> None:
        """Keep an ID out; the rows stay to say so."""
        await self._to_the_end(self._refuse(device_id))

    async def _refuse(self, device_id: str) -> None:
        async with self._alone(device_id):
            for row in self._waiting_rows(device_id):
                refused = replace(row, refused=True)
                await self._store.save_waiting(refused)
                self._room.put(refused)
                self._asked_again.pop((row.device_id, row.source_host), None)

    def _waiting_rows(self, device_id: str) -> list[Waiting]:
        rows = self._room.of(device_id)
        if not rows:
            raise NotFoundError(f"device {device_id} does not wait")
        return rows

    def _tell_who_asks(self, row: Waiting) -> None:
        source = address_text(row.source_host, row.source_port)
        record = self._roster.records.get(row.device_id)
        if record is None:
            self._events.publish(DeviceWaits(row.device_id, row.last_seen_at, source))
            return
        binding = record.device.binding
        bound = "" if binding is None else address_text(binding.host, binding.port)
        self._events.publish(DuplicateDevice(row.device_id, row.last_seen_at, bound, source))

    async def clear_duplicates(self, device_id: str) -> None:
        """Forget the units that were refused for this ID; those that ask again are shown again.

        Raises `NotFoundError` where there are none.
        """
        await self._to_the_end(self._clear_duplicates(device_id))

    async def _clear_duplicates(self, device_id: str) -> None:
        async with self._alone(device_id):
            self._record(device_id)
            rows = self._waiting_rows(device_id)
            await self._store.drop_waiting(rows)
            self._forget_rows(rows)

    def _duplicates_over(self) -> list[Waiting]:
        """Refused units that are gone, or have become the one that holds the ID."""
        records, now = self._roster.records, self._ledger_clock.moment()
        return [
            row
            for row in self._room.rows()
            if (record := records.get(row.device_id)) is not None
            and is_over(row, record.device, now)
        ]

    def _forget_rows(self, rows: Sequence[Waiting]) -> None:
        for row in rows:
            self._asked_again.pop((row.device_id, row.source_host), None)
            self._room.take_out(row)

    def _forget_waiting(self, device_id: str) -> None:
        for row in self._room.of(device_id):
            self._asked_again.pop((row.device_id, row.source_host), None)
        self._room.drop(device_id)

    def _fresh_device(self, new: NewDevice) -> Device:
        key = DeviceKey(self._next_device_key)
        self._next_device_key += 1
        policy = self._policy
        device = Device(
            key=key,
            device_id=new.device_id,
            name_override=new.name,
            created_at=self._ledger_clock.moment(),
            keepalive_interval_s=policy.keepalive_interval_s,
            keepalive_misses=policy.keepalive_misses,
        )
        patch = DevicePatch(
            secret=new.secret, sip_username=new.sip_username, media_transport=new.media_transport
        )
        if new.keepalive_interval_s is not None:
            patch["keepalive_interval_s"] = new.keepalive_interval_s
        if new.keepalive_misses is not None:
            patch["keepalive_misses"] = new.keepalive_misses
        return patched(device, patch)
