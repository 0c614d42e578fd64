"""What devices report of themselves: committed before it returns, then told."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from vms.events import (
    AlarmRaised,
    CatalogChanged,
    DeviceChanged,
)
from vms.frozen import altered
from vms.inventory.catalog import ABSENT_SYNCS, CatalogDiff
from vms.inventory.changes import fingerprint
from vms.inventory.journal import first_states, moment_of, removals
from vms.inventory.model import (
    Alarm,
    Cause,
    Channel,
    ChannelKey,
    Device,
    ReportedAlarm,
    ReportedChannel,
    State,
)
from vms.inventory.notices import LONGEST_RAW
from vms.inventory.roster import Record
from vms.inventory.thrift import thrifty_device, thrifty_item
from vms.inventory.tree import MOST_NODES, tree_nodes
from vms.inventory.vigilance import Vigilance


class Reports(Vigilance):
    """Descriptions, catalogues, alarms."""

    def reported_by(self, device_id: str) -> Callable[[str], ReportedChannel | None]:
        """What a device on file reported of a channel, by its ID; None where it has none.

        Raises `NotFoundError` for a device that is not on file.
        """
        channels = self._record(device_id).channels

        def reported(channel_id: str) -> ReportedChannel | None:
            channel = channels.get(channel_id)
            return None if channel is None else channel.reported

        return reported

    async def set_device_info(
        self, device_id: str, name: str, manufacturer: str, model: str, firmware: str
    ) -> Device:
        """The answer to a DeviceInfo query (A.2.6.5); what it leaves empty stays as it was."""
        return await self._to_the_end(
            self._set_device_info(device_id, name, manufacturer, model, firmware)
        )

    async def _set_device_info(
        self, device_id: str, name: str, manufacturer: str, model: str, firmware: str
    ) -> Device:
        async with self._alone(device_id):
            record = self._record(device_id)
            known = record.device
            seen = record.seen(self._ledger_clock)
            device = altered(
                seen,
                name=name or known.name,
                manufacturer=manufacturer or known.manufacturer,
                model=model or known.model,
                firmware=firmware or known.firmware,
            )
            is_news = device != seen
            saved = await self._save(record, thrifty_device(device))
            if is_news:
                self._look_at_device(record)
                self._events.publish(DeviceChanged(device_id, self._ledger_clock.moment()))
            return saved

    async def replace_channels(
        self,
        device_id: str,
        items: Sequence[ReportedChannel],
        *,
        complete: bool,
        nodes: Sequence[ReportedChannel] = (),
    ) -> None:
        """The answer to a catalogue query of ours.

        A complete one replaces: what it leaves out is absent, and is removed when two more complete
        ones have left it out as well. One that is complete and empty takes nothing away: whatever
        was there is off. An incomplete one only adds. `nodes` are the items that are no channels.
        """
        if nodes or self._record(device_id).nodes:
            await self._to_the_end(self._take_nodes(device_id, nodes, complete=complete))
        await self._to_the_end(self._take_catalog(device_id, items, complete=complete))

    async def upsert_channels(
        self,
        device_id: str,
        items: Sequence[ReportedChannel],
        absent: Collection[str] = frozenset(),
    ) -> None:
        """Channels a device reported unasked: nothing is taken away. Those it says it has no more
        (`absent`) are off, until a catalogue names them again or they are removed by one."""
        await self._to_the_end(self._take_catalog(device_id, items, complete=False, absent=absent))

    async def _take_catalog(
        self,
        device_id: str,
        items: Sequence[ReportedChannel],
        *,
        complete: bool,
        absent: Collection[str] = frozenset(),
    ) -> None:
        async with self._alone(device_id):
            record = self._record(device_id)
            await self._journal.settle(record)
            at_s = self._ledger_clock.now_s()
            diff = self._compare(record, items, at_s, complete=complete)
            for channel_id in absent:
                known = record.channels.get(channel_id)
                if known is not None and not known.absent_syncs:
                    diff.keep(replace(known, absent_syncs=1), known)
            plan = self._journal.plan(
                record,
                record.device,
                record.device.state,
                Cause.CATALOG,
                channels=diff.saved,
                unproven=diff.turned_off,
                at_s=at_s,
            )
            if not plan.channels and not diff.removed:
                return
            steps = [*plan.transitions, *removals(diff.removed, at_s)]
            await self._save_channels(record, plan.channels, diff.removed, steps, at_s)
            for channel_id in diff.turned_off:
                record.unprove(channel_id)
            self._journal.apply(record, plan)
            for channel in diff.removed:
                self._roster.drop_channel(record, channel.channel_id)
            self._look_at_channels(record, plan.channels, diff.removed)
            self._journal.tell(plan.events)
            self._events.publish(
                CatalogChanged(
                    record.device.device_id,
                    self._ledger_clock.moment(),
                    added=diff.added,
                    removed=len(diff.removed),
                    changed=len(plan.channels) - diff.added,
                )
            )

    async def _take_nodes(
        self, device_id: str, items: Sequence[ReportedChannel], *, complete: bool
    ) -> None:
        """What builds the tree: a complete catalogue replaces it, any other adds."""
        async with self._alone(device_id):
            record = self._record(device_id)
            known = record.nodes or {}
            reported = {
                node.node_id: node
                for node in tree_nodes(record.device.key, islice(items, MOST_NODES))
            }
            merged = reported if complete else {**known, **reported}
            if merged == known or len(merged) > MOST_NODES:
                return
            await self._store.save_nodes(
                record.device.key, list(reported.values()), replaces=complete
            )
            record.nodes = merged or None

    def _compare(
        self, record: Record, items: Sequence[ReportedChannel], at_s: int, *, complete: bool
    ) -> CatalogDiff:
        """What a report changes."""
        at, states = moment_of(at_s), first_states(record.device.state)
        named: dict[str, ReportedChannel] = {item.channel_id: item for item in items}
        diff = CatalogDiff()
        for channel_id, item in named.items():
            known = record.channels.get(channel_id)
            if known is None:
                diff.added += 1
                thrifty = thrifty_item(item, record.device.device_id)
                state = states[item.is_on]
                diff.saved.append(self._fresh_channel(record.device, thrifty, state, at))
                continue
            on_file = known.reported
            if item is not on_file and item != on_file:
                reported = thrifty_item(item, record.device.device_id)
                diff.keep(altered(known, reported=reported, absent_syncs=0), known)
                continue
            # After a restart nothing on file has a mark; what says the same gets it here.
            on_file.bear(item.mark, item.forgiven)
            if known.absent_syncs:
                diff.keep(altered(known, absent_syncs=0), known)
        if not complete:
            return diff
        for channel_id, known in record.channels.items():
            if channel_id in named or known.is_planned:
                continue
            if not named:
                off = altered(known.reported, is_on=False)
                diff.keep(altered(known, reported=off), known)
            elif known.absent_syncs >= ABSENT_SYNCS:
                diff.removed.append(known)
            else:
                diff.keep(altered(known, absent_syncs=known.absent_syncs + 1), known)
        return diff

    def _fresh_channel(
        self, device: Device, item: ReportedChannel, state: State, at: datetime
    ) -> Channel:
        """As it will most likely be: the plan makes another one of it only where it is not."""
        key = ChannelKey(self._next_channel_key)
        self._next_channel_key += 1
        return Channel(key, device.key, device.device_id, item, state=state, state_since=at)

    async def record_alarm(self, device_id: str, reported: ReportedAlarm) -> bool:
        """Store an alarm once; False when it is there already. Returns after the commit (N1)."""
        device = self._record(device_id).device
        received_at = self._ledger_clock.moment()
        alarm = Alarm(
            alarm_id=self._identifiers.next(received_at),
            device_key=device.key,
            device_id=device.device_id,
            source_id=reported.source_id,
            sn=reported.sn,
            priority=reported.priority,
            method=reported.method,
            alarm_type=reported.alarm_type,
            occurred_at=reported.occurred_at,
            received_at=received_at,
            description=reported.description,
            longitude=reported.longitude,
            latitude=reported.latitude,
            fingerprint=fingerprint(reported),
            raw=reported.raw[:LONGEST_RAW],
        )
        return await self._to_the_end(self._add_alarm(alarm))

    async def _add_alarm(self, alarm: Alarm) -> bool:
        is_new = await self._store.add_alarm(alarm)
        if is_new:
            self._events.publish(
                AlarmRaised(
                    alarm_id=alarm.alarm_id,
                    device_id=alarm.device_id,
                    source_id=alarm.source_id,
                    at=alarm.occurred_at,
                    priority=alarm.priority,
                    method=alarm.method,
                    alarm_type=alarm.alarm_type,
                )
            )
        return is_new
