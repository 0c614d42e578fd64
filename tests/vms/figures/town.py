"""A little town over three days, lived on a database."""

from datetime import datetime, timedelta

from tests.support.books import SHANGHAI, Books, books_in
from tests.support.clock import FakeClock
from tests.vms.inventory.site import binding_at
from vms.events import EventBus
from vms.figures.model import Selection
from vms.figures.upkeep import UpkeepPolicy
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.version import Edition
from vms.inventory.inventory import Inventory
from vms.inventory.model import NewDevice, ReportedChannel
from vms.inventory.policy import InventoryPolicy
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore

NORTH = DeviceId("34020200001180000001")
SOUTH = DeviceId("34020300001180000001")
CAMERAS = tuple(ChannelId(f"3402000000132000000{number}") for number in range(1, 4))
FIRST_DAY = datetime(2026, 3, 2, tzinfo=SHANGHAI)
"""A Monday."""

DAY_S, HOUR_S = 86_400, 3_600
END = FIRST_DAY + timedelta(days=3)
WHOLE = Selection(FIRST_DAY, END)


class Town:
    """NORTH, a recorder with two cameras in 340202; SOUTH, one camera in 340203.

    On file since noon of the first day. On the second day NORTH's first camera is off from 10:00 to
    12:00 and again from 23:00 on, to 01:00 of the third. On the third at 06:00 its second camera
    moves to 340203. SOUTH unregisters on the second day at 12:00, and does not come back.
    """

    def __init__(self, database: Database, upkeep: UpkeepPolicy | None = None) -> None:
        self.clock = FakeClock()
        self.upkeep = upkeep
        self.database = database
        policy = InventoryPolicy(keepalive_interval_s=3600, keepalive_misses=100)
        self.inventory = Inventory(SqlDeviceStore(database), self.clock, EventBus(), policy)
        self.books: Books

    async def live(self) -> None:
        await self.at(0, 12)
        await self.inventory.start()
        self.books = books_in(self.database, self.inventory, self.clock, policy=self.upkeep)
        await self.inventory.add_device(NewDevice(NORTH, name="North"))
        for device_id in (NORTH, SOUTH):
            binding = binding_at(self.clock.wall())
            await self.inventory.register(device_id, binding, user_agent="", edition=Edition.E2022)
        await self._report(NORTH, [(CAMERAS[0], "340202", True), (CAMERAS[1], "340202", True)])
        await self._report(SOUTH, [(CAMERAS[2], "340203", True)])
        for day, hour, is_on in ((1, 10, False), (1, 12, True), (1, 23, False), (2, 1, True)):
            await self.at(day, hour)
            await self._report(NORTH, [(CAMERAS[0], "340202", is_on), (CAMERAS[1], "340202", True)])
            if hour == 12:
                await self.inventory.unregister(SOUTH)
        await self.at(2, 6)
        await self._report(NORTH, [(CAMERAS[0], "340202", True), (CAMERAS[1], "340203", True)])
        await self.at(3, 0)
        self.clock.advance(10)
        await self.inventory.pass_time()

    async def at(self, day: int, hour: int) -> None:
        wanted = FIRST_DAY + timedelta(days=day, hours=hour)
        self.clock.advance((wanted - self.clock.wall()).total_seconds())

    async def _report(self, device_id: str, seen: list[tuple[ChannelId, str, bool]]) -> None:
        await self.inventory.replace_channels(
            device_id,
            [
                ReportedChannel(channel_id, civil_code=code, is_on=is_on, manufacturer="Acme")
                for channel_id, code, is_on in seen
            ],
            complete=True,
        )
