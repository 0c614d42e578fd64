"""The inventory on the databases of the product: what it says in memory is what they hold."""

import asyncio

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.support.books import books_in
from tests.support.clock import MIDDAY, FakeClock
from tests.vms.inventory.site import CAMERA, FOREVER, GATE, HOST, SECOND, binding_at, camera
from vms.events import EventBus
from vms.figures.dimensions import Dimension
from vms.gb28181.ids import DeviceId
from vms.gb28181.version import Edition
from vms.inventory.inventory import Inventory
from vms.inventory.model import Cause, State
from vms.inventory.policy import InventoryPolicy
from vms.persistence.changes import Change
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore
from vms.persistence.tables import ledger


async def opened(database: Database, clock: FakeClock) -> Inventory:
    """A run of the server; the one before was killed."""
    inventory = Inventory(SqlDeviceStore(database), clock, EventBus(), InventoryPolicy())
    await inventory.start()
    return inventory


async def register(inventory: Inventory, clock: FakeClock, device_id: DeviceId = GATE) -> None:
    binding = binding_at(clock.wall())
    await inventory.register(device_id, binding, user_agent="", edition=Edition.E2022)


async def test_a_life_with_a_crash_adds_up_on_every_database(database: Database) -> None:
    clock = FakeClock()
    inventory = await opened(database, clock)
    await register(inventory, clock)
    await inventory.replace_channels(GATE, [camera(), camera(SECOND, is_on=False)], complete=True)
    await inventory.picture_proven(GATE, CAMERA)
    clock.advance(100)
    await inventory.pass_time()

    clock.advance(50)
    inventory = await opened(database, clock)
    inventory.keepalive(GATE, HOST, 5060)
    clock.advance(200)
    await inventory.pass_time()

    history = await inventory.ledger(GATE, CAMERA, *FOREVER)
    assert [(row.state, row.start_s - int(MIDDAY.timestamp())) for row in history] == [
        (State.ONLINE_PROVEN, 0),
        (State.UNKNOWN, 100),
        (State.ONLINE_SIGNALLED, 150),
        (State.OFFLINE, 350),
    ]
    assert history[0].cause is Cause.PICTURE
    assert await inventory.check_conservation(*FOREVER) == []
    [row] = await books_in(database, inventory, clock).rates(MIDDAY, FOREVER[1], Dimension.DEVICE)
    assert (row.channels, row.total_s, row.seconds.unknown_s) == (2, 700, 100)


async def test_a_storm_of_registrations_is_all_stored(database: Database) -> None:
    clock = FakeClock()
    inventory = await opened(database, clock)
    devices = [DeviceId(f"3402000000111{number:07d}") for number in range(300)]

    await asyncio.gather(*(register(inventory, clock, device_id) for device_id in devices))

    again = await opened(database, clock)
    assert all(again.device(device_id).binding is not None for device_id in devices)
    assert again.summary().devices[State.UNKNOWN] == 300


async def test_one_step_that_contradicts_what_is_stored_is_dropped_and_nothing_else(
    database: Database,
) -> None:
    clock = FakeClock()
    inventory = await opened(database, clock)
    devices = [DeviceId(f"3402000000111{number:07d}") for number in range(7)]
    for device_id in devices:
        await register(inventory, clock, device_id)
    odd = inventory.device(devices[4])
    moved = update(ledger).where(ledger.c.kind == "device", ledger.c.subject_key == odd.key)

    async def tamper(connection: AsyncConnection) -> None:
        await connection.execute(moved.values(start_s=ledger.c.start_s - 5))

    await database.write(Change(work=tamper))

    clock.advance(4000)
    await inventory.pass_time()
    await inventory.pass_time()

    assert inventory.figures.dropped_observations == 1
    assert inventory.summary().devices[State.OFFLINE] == 7
    histories = [await inventory.ledger(each, None, *FOREVER) for each in devices]
    assert [history[-1].state for history in histories] == [State.OFFLINE] * 7
    assert await inventory.check_conservation(*FOREVER) == []
    assert histories[4][0].start_s == int(MIDDAY.timestamp()) - 5

    await register(inventory, clock, devices[4])
    assert inventory.summary().devices[State.ONLINE_SIGNALLED] == 1


async def test_what_was_being_written_when_its_writer_went_away_holds_nobody_up(
    database: Database,
) -> None:
    clock = FakeClock()
    inventory = await opened(database, clock)
    await register(inventory, clock)
    await inventory.replace_channels(GATE, [camera()], complete=True)
    clock.advance(300)
    writer = asyncio.create_task(inventory.pass_time())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    writer.cancel()
    async with asyncio.timeout(10):
        await inventory.replace_channels(GATE, [camera(), camera(SECOND)], complete=True)

    assert writer.cancelled()
    assert inventory.device(GATE).state is State.OFFLINE
    assert await inventory.check_conservation(*FOREVER) == []
