"""What is odd or missing in the file, as lists and as figures. Everything here changes nothing."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain

from vms.gb28181.ids import Kind, kind_of
from vms.inventory.anomalies import DERIVED, Anomaly, AnomalyKind
from vms.inventory.channel_filing import ChannelFiling
from vms.inventory.completeness import CompletenessRow, file_completeness, missing_fields
from vms.inventory.model import Channel, Device, TreeNode
from vms.inventory.naming import Names
from vms.inventory.placement import Place, place_of
from vms.inventory.queries import Page, page
from vms.inventory.roster import Record

KEPT = frozenset(AnomalyKind) - DERIVED

KeyOf = Callable[[Channel, Place], str]
"""The row a channel counts in."""


class Governance(ChannelFiling):
    """Lists and figures over all that is on file."""

    def anomalies(
        self,
        device_id: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
        kinds: Collection[AnomalyKind] = KEPT,
    ) -> Page[Anomaly]:
        """What is odd, by device and channel; of one device, or of all."""
        names = self.names()

        def matching() -> Iterator[Anomaly]:
            for record in self._records_from(device_id, cursor):
                own = self._odd_of(record, kinds, names)
                for anomaly in sorted(own, key=lambda each: each.cursor):
                    if cursor is None or anomaly.cursor > cursor:
                        yield anomaly

        return page(matching(), limit, lambda anomaly: anomaly.cursor, None)

    async def anomaly_counts(self) -> Counter[AnomalyKind]:
        """How much is odd, by kind; those that found no room are not among them."""
        counts = self._anomalies.counts()
        names = self.names()
        looked_at = [
            (list((record.nodes or {}).values()), list(record.channels.values()), record.device)
            for record in self._roster.records.values()
        ]

        def count() -> Counter[AnomalyKind]:
            found = (derived(*each, names) for each in looked_at)
            return Counter(anomaly.kind for anomaly in chain.from_iterable(found))

        return counts + await asyncio.to_thread(count)

    async def file_completeness(
        self, key_of: KeyOf, wanted: Callable[[Channel], bool]
    ) -> list[CompletenessRow]:
        """How full the files are, a row for each key, of the channels that are wanted."""
        on_file = [
            (channel, record.device, record.segment)
            for record in self._roster.records.values()
            for channel in record.channels.values()
        ]

        def rows() -> list[CompletenessRow]:
            return file_completeness(
                (key_of(channel, place_of(channel, device, segment)), channel, device)
                for channel, device, segment in on_file
                if wanted(channel)
            )

        return await asyncio.to_thread(rows)

    def _records_from(self, device_id: str | None, cursor: str | None) -> Iterable[Record]:
        if device_id is not None:
            return [self._record(device_id)] if device_id in self._roster.records else []
        first = None if cursor is None else cursor.partition("/")[0]
        reached = None if first is None else self._roster.records.get(first)
        return chain([] if reached is None else [reached], self._roster.records_after(first))

    def _odd_of(
        self, record: Record, kinds: Collection[AnomalyKind], names: Names
    ) -> Iterator[Anomaly]:
        for anomaly in self._anomalies.of_device(record.device.device_id):
            if anomaly.kind in kinds:
                yield anomaly
        if not DERIVED.isdisjoint(kinds):
            nodes = (record.nodes or {}).values()
            for anomaly in derived(nodes, record.channels.values(), record.device, names):
                if anomaly.kind in kinds:
                    yield anomaly


def derived(
    nodes: Collection[TreeNode], channels: Iterable[Channel], device: Device, names: Names
) -> Iterator[Anomaly]:
    """What of a device follows from its present file alone. Pure."""
    device_id = device.device_id
    there = {node.node_id for node in nodes}
    for node in nodes:
        kind = kind_of(node.node_id)
        above = node.parent_id or node.business_group_id
        if kind is Kind.VIRTUAL_ORGANISATION and above not in there:
            yield Anomaly(AnomalyKind.ORPHAN, device_id, node.node_id, above, None)
    for channel in channels:
        channel_id = channel.channel_id
        if not names.is_known(channel.division):
            yield Anomaly(
                AnomalyKind.UNKNOWN_DIVISION, device_id, channel_id, channel.division, None
            )
        missing = missing_fields(channel, device)
        if missing:
            yield Anomaly(
                AnomalyKind.MISSING_FIELDS, device_id, channel_id, ", ".join(missing), None
            )
