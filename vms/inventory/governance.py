"""What is odd or missing in the file, as lists and as figures. Everything here changes nothing."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
        files = self._files_from(device_id, cursor)
        return _page_of(files, kinds, self.names(), cursor, limit)

    async def anomalies_looked_up(
        self,
        device_id: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
        kinds: Collection[AnomalyKind] = KEPT,
    ) -> Page[Anomaly]:
        """The same in a thread: for kinds of which few or none may be found in a whole city."""
        if DERIVED.isdisjoint(kinds):
            return self.anomalies(device_id, cursor, limit, kinds)
        files = list(self._files_from(device_id, cursor))
        return await asyncio.to_thread(_page_of, files, kinds, self.names(), cursor, limit)

    async def anomaly_counts(self) -> Counter[AnomalyKind]:
        """How much is odd, by kind; those that found no room are not among them."""
        counts = self._anomalies.counts()
        names = self.names()
        files = list(self._files_from(None, None))

        def count() -> Counter[AnomalyKind]:
            found = (derived(each.nodes, each.channels, each.device, names) for each in files)
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

    def _files_from(self, device_id: str | None, cursor: str | None) -> Iterator["_File"]:
        for record in self._records_from(device_id, cursor):
            yield _File(
                record.device,
                list((record.nodes or {}).values()),
                list(record.channels.values()),
                list(self._anomalies.of_device(record.device.device_id)),
            )


@dataclass(frozen=True, slots=True)
class _File:
    """What is on file of a device, as it was when somebody asked."""

    device: Device
    nodes: Sequence[TreeNode]
    channels: Sequence[Channel]
    kept: Sequence[Anomaly]


def _page_of(
    files: Iterable[_File],
    kinds: Collection[AnomalyKind],
    names: Names,
    cursor: str | None,
    limit: int,
) -> Page[Anomaly]:
    def matching() -> Iterator[Anomaly]:
        for file in files:
            for anomaly in sorted(_odd_of(file, kinds, names), key=lambda each: each.cursor):
                if cursor is None or anomaly.cursor > cursor:
                    yield anomaly

    return page(matching(), limit, lambda anomaly: anomaly.cursor, None)


def _odd_of(file: _File, kinds: Collection[AnomalyKind], names: Names) -> Iterator[Anomaly]:
    found = iter(file.kept)
    if not DERIVED.isdisjoint(kinds):
        found = chain(found, derived(file.nodes, file.channels, file.device, names))
    return (anomaly for anomaly in found if anomaly.kind in kinds)


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
