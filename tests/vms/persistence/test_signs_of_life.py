"""Many devices share a row in which it stands when they were last heard."""

from datetime import UTC, datetime

from tests.vms.persistence.rows_of_every_kind import bare_device
from vms.inventory.model import DeviceKey
from vms.inventory.store import LastHeard
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore


async def test_a_store_that_only_notes_forgets_nothing_that_another_noted(
    database_url: str,
) -> None:
    """A row is written whole."""
    noted = LastHeard(DeviceKey(1), 5_000_000, 5_000_000)
    async with Database.open(database_url) as database:
        first = SqlDeviceStore(database)
        await first.save_device(bare_device(1))
        await first.save_device(bare_device(2))
        await first.note_heard([noted])

        await SqlDeviceStore(database).note_heard([noted._replace(key=DeviceKey(2))])

        devices = (await SqlDeviceStore(database).load_all()).devices
    at = datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    assert [device.last_heard_at for device in devices] == [at, at]
