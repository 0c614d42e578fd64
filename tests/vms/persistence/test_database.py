from vms.persistence.database import Database, current_revision
from vms.persistence.device_store import SqlDeviceStore


async def test_a_fresh_database_migrates_itself(database_url: str) -> None:
    revision, newest = None, ""
    async with Database.open(database_url) as database:
        stored = await SqlDeviceStore(database).load_all()
        assert stored.devices == ()
    revision, newest = await current_revision(database_url)
    assert revision == newest
