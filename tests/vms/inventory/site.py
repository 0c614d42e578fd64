"""An inventory whose clock and database the test holds in its hands."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.support.clock import MIDDAY, FakeClock
from tests.support.stores import InMemoryDeviceStore
from vms.events import Event, EventBus
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.version import Edition
from vms.inventory.inventory import Inventory
from vms.inventory.model import Binding, Cause, Interval, ReportedChannel, State
from vms.inventory.policy import Heard, InventoryPolicy

GATE = DeviceId("34020000001110000001")
YARD = DeviceId("34020000001110000002")
CAMERA = ChannelId("34020000001320000001")
SECOND = ChannelId("34020000001320000002")
HOST = "127.0.0.9"


class Site:
    """An inventory on a clock of its own, with the database it may lose and a list of events."""

    def __init__(self, policy: InventoryPolicy | None = None) -> None:
        self.clock = FakeClock()
        self.store = InMemoryDeviceStore()
        self.policy = policy or InventoryPolicy()
        self.bus = EventBus()
        self.inventory = Inventory(self.store, self.clock, self.bus, self.policy)

    async def open(self) -> "Site":
        await self.inventory.start()
        return self

    async def restart(self, absent_s: float) -> None:
        """The process is killed; what was committed is all there is."""
        self.clock.advance(absent_s)
        self.bus = EventBus()
        self.inventory = Inventory(self.store, self.clock, self.bus, self.policy)
        await self.inventory.start()

    async def pass_time(self, seconds: float, step_s: float = 1.0) -> None:
        """Time passes in steps, as it does for `run`."""
        while seconds > 0:
            self.clock.advance(min(step_s, seconds))
            seconds -= step_s
            await self.inventory.pass_time()

    async def keep_alive(self, seconds: float, every_s: float = 60.0) -> None:
        while seconds > 0:
            await self.pass_time(min(every_s, seconds), step_s=5)
            seconds -= every_s
            assert self.inventory.keepalive(GATE, HOST, 5060) is Heard.KNOWN
            await self.inventory.pass_time()

    def binding(self, host: str = HOST) -> Binding:
        return binding_at(self.clock.wall(), host)

    async def register(self, device_id: DeviceId = GATE, host: str = HOST) -> None:
        await self.inventory.register(
            device_id, self.binding(host), user_agent="IP Camera", edition=Edition.E2016
        )

    async def report(self, *channels: ReportedChannel, complete: bool = True) -> None:
        await self.inventory.replace_channels(GATE, channels, complete=complete)

    async def history(self, channel_id: str | None = None) -> list[tuple[State, Cause, int | None]]:
        """The ledger of the device or of one of its channels: state, cause, seconds it lasted."""
        intervals = await self.inventory.ledger(GATE, channel_id, FOREVER[0], FOREVER[1])
        return [(i.state, i.cause, lasted_s(i)) for i in intervals]

    async def told(self) -> Sequence[Event]:
        """Everything published since start."""
        with self.bus.subscribe(10_000, after=0) as subscription:
            return [(await subscription.next()).event for _ in range(self.bus.last_number)]


FOREVER = (MIDDAY - timedelta(days=1), MIDDAY + timedelta(days=400))


def binding_at(now: datetime, host: str = HOST) -> Binding:
    """Registered just now, for an hour."""
    return Binding(
        transport="UDP",
        host=host,
        port=5060,
        contact=f"sip:{GATE}@{host}:5060",
        local_host="127.0.0.1",
        call_id="first",
        registered_at=now,
        expires_at=now + timedelta(hours=1),
    )


def lasted_s(interval: Interval) -> int | None:
    return None if interval.end_s is None else interval.end_s - interval.start_s


def camera(
    channel_id: ChannelId = CAMERA, *, is_on: bool = True, name: str = "Gate"
) -> ReportedChannel:
    return ReportedChannel(channel_id, name=name, manufacturer="Acme", is_on=is_on)
