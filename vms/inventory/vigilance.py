"""Watches what comes on file for odd IDs and parents, and tells each finding once."""

from collections.abc import Iterable, Sequence

from vms.events import AnomalyFound
from vms.inventory.anomalies import Anomaly, AnomalyKind, Parents, is_usual, of_channel, of_device
from vms.inventory.base import InventoryBase
from vms.inventory.model import Channel
from vms.inventory.roster import Record


class Vigilance(InventoryBase):
    """The findings follow what is on file; nobody has to clear them."""

    def anomalies_of(self, device_id: str, channel_id: str | None = None) -> list[Anomaly]:
        """What is odd about one device itself, or about one channel of it."""
        return self._anomalies.of(device_id, channel_id)

    @property
    def anomaly_count(self) -> int:
        """Those that are kept, and those that found no room."""
        return len(self._anomalies) + self._anomalies.surplus

    def _look_at_device(self, record: Record) -> None:
        self._tell_anomalies(self._found_in_device(record))

    def _look_at_channels(
        self, record: Record, changed: Iterable[Channel], removed: Iterable[Channel]
    ) -> None:
        """After a report: those that changed, and those whose parent may be there now, or gone."""
        device_id = record.device.device_id
        for channel in removed:
            self._anomalies.forget_channel(device_id, channel.channel_id)
        looked_at: dict[str, Channel] = {channel.channel_id: channel for channel in changed}
        for kind in (AnomalyKind.UNKNOWN_PARENT, AnomalyKind.PARENT_CYCLE):
            for channel_id in self._anomalies.flagged(device_id, kind):
                known = record.channels.get(channel_id)
                if known is not None:
                    looked_at.setdefault(channel_id, known)
        self._tell_anomalies(self._found_in_channels(record, looked_at.values()))

    def _look_at_everything(self) -> None:
        """At start: what was told before is told no more."""
        for record in self._roster.records.values():
            self._found_in_device(record)
            self._found_in_channels(record, record.channels.values())

    def _found_in_device(self, record: Record) -> list[Anomaly]:
        device = record.device
        odd = of_device(device)
        return self._anomalies.put(device.device_id, None, odd, self._ledger_clock.moment())

    def _found_in_channels(self, record: Record, channels: Iterable[Channel]) -> list[Anomaly]:
        device_id, at = record.device.device_id, self._ledger_clock.moment()
        parents = Parents(device_id, record.channels, record.nodes or {})
        found: list[Anomaly] = []
        for channel in channels:
            channel_id = channel.reported.channel_id
            found += self._anomalies.share(device_id, channel_id, at)
            if is_usual(channel, parents) and self._anomalies.is_nothing_held(
                device_id, channel_id
            ):
                continue
            odd = of_channel(channel, parents)
            found += self._anomalies.put(device_id, channel_id, odd, at)
        return found

    def _tell_anomalies(self, found: Sequence[Anomaly]) -> None:
        at = self._ledger_clock.moment()
        for anomaly in found:
            self._events.publish(
                AnomalyFound(
                    device_id=anomaly.device_id,
                    channel_id=anomaly.channel_id,
                    at=at,
                    kind=anomaly.kind.value,
                )
            )
