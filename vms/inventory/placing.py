"""At start: every channel is where its placement says, whatever came before there were any."""

from collections.abc import Iterator, Sequence

from vms.inventory.base import InventoryBase
from vms.inventory.model import Channel, ChannelKey, Device
from vms.inventory.placement import (
    Placement,
    PlaceStep,
    repairs,
    repairs_of_removed,
    segment_of,
)

PLACED_AT_ONCE = 2000
"""Repaired placements in one transaction: others wait behind it."""


class Placing(InventoryBase):
    """Placements that were never written, or that a rule now reads otherwise."""

    async def _repair_places(self, stored: Sequence[Placement]) -> None:
        """After everything on file was read; before anything changes."""
        lasting = {placement.channel_key: placement for placement in stored}
        self._remember_segments(lasting)
        unplaced = {row.channel_key: row for row in await self._store.unplaced_channels()}
        now_s = self._ledger_clock.now_s()
        steps: list[PlaceStep] = list(repairs(self._placed(), lasting, unplaced, now_s))
        if unplaced.keys() - {channel.key for channel, _, _ in self._placed()}:
            steps += repairs_of_removed(await self._store.removed_channels(), unplaced)
        for first in range(0, len(steps), PLACED_AT_ONCE):
            await self._store.append((), steps[first : first + PLACED_AT_ONCE])

    def _remember_segments(self, lasting: dict[ChannelKey, Placement]) -> None:
        """A device that unregistered stays where it was."""
        for record in self._roster.records.values():
            binding = record.device.binding
            known = (lasting.get(channel.key) for channel in record.channels.values())
            record.segment = (
                next((row.place.segment for row in known if row is not None), "")
                if binding is None
                else segment_of(binding.host)
            )

    def _placed(self) -> Iterator[tuple[Channel, Device, str]]:
        for record in self._roster.records.values():
            for channel in record.channels.values():
                yield channel, record.device, record.segment
