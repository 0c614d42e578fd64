"""Many devices that go at once are one outage: a district without power, a cut line (L-04)."""

import asyncio
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from vms.clock import Clock
from vms.events import DevicesWentOffline, DeviceWentOffline, Event, EventBus
from vms.inventory.model import Cause
from vms.inventory.reads import InventoryReads

SMALLEST_OUTAGE = 20
"""Fewer are told one by one only."""

QUIET_S = 3.0
"""An outage is over, as news, when no more device goes for so long."""

LONGEST_S = 30.0
"""It is told after this at the latest; devices fall silent within one keepalive interval."""

NEWS_CAPACITY = 120_000
NETWORKS = ((24, 64), (16, 48), (8, 32))
"""Bits of the network that may be common, in IPv4 and in IPv6, the smallest network first."""

DIVISIONS = (8, 6, 4, 2)

_LOST = frozenset({Cause.SILENT, Cause.CONNECTION_LOST})


@dataclass(slots=True)
class _Outage:
    """What went so far."""

    count: int = 0
    networks: tuple[set[IPv4Network | IPv6Network], ...] = field(
        default_factory=lambda: tuple(set[IPv4Network | IPv6Network]() for _ in NETWORKS)
    )
    prefix: str | None = None

    def add(self, device_id: str, host: str) -> None:
        self.count += 1
        self.prefix = device_id if self.prefix is None else _shared(self.prefix, device_id)
        address = ip_address(host.partition("%")[0])
        for (of_ipv4, of_ipv6), seen in zip(NETWORKS, self.networks, strict=True):
            if len(seen) < 2:
                bits = of_ipv4 if address.version == 4 else of_ipv6
                seen.add(ip_network(f"{address}/{bits}", strict=False))

    @property
    def common(self) -> str:
        """The smallest network, else the smallest division that holds them all."""
        for seen in self.networks:
            if len(seen) == 1:
                return str(next(iter(seen)))
        digits = 0 if self.prefix is None else len(self.prefix)
        return (self.prefix or "")[: max((each for each in DIVISIONS if each <= digits), default=0)]


def _shared(one: str, other: str) -> str:
    """The digits both begin with."""
    length = 0
    for ours, theirs in zip(one, other, strict=False):
        if ours != theirs:
            break
        length += 1
    return one[:length]


class OutageWatch:
    """Tells of outages; `run` in the server's task group."""

    def __init__(self, inventory: InventoryReads, events: EventBus, clock: Clock) -> None:
        self._inventory = inventory
        self._events = events
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        with self._events.subscribe(NEWS_CAPACITY) as news:
            while True:
                outage = _Outage()
                while outage.count == 0:
                    self._add(outage, (await news.next()).event)
                ends_at = self._clock.monotonic() + LONGEST_S
                while (left_s := ends_at - self._clock.monotonic()) > 0:
                    before = outage.count
                    try:
                        async with asyncio.timeout(min(QUIET_S, left_s)):
                            while outage.count == before:
                                self._add(outage, (await news.next()).event)
                    except TimeoutError:
                        break
                if outage.count >= SMALLEST_OUTAGE:
                    self._events.publish(
                        DevicesWentOffline(self._clock.wall(), outage.count, outage.common)
                    )

    def _add(self, outage: _Outage, event: Event) -> None:
        if not isinstance(event, DeviceWentOffline) or event.cause not in _LOST:
            return
        device = self._inventory.find_device(event.device_id)
        if device is not None and device.binding is not None:
            outage.add(device.device_id, device.binding.host)
