"""A database of an earlier version is brought up to date, and nothing on file is lost."""

from importlib import import_module

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from vms.gb28181.ids import DeviceId
from vms.inventory.model import Channel, ChannelKey, Device, DeviceKey, ReportedChannel
from vms.persistence.database import Database, parse_url
from vms.persistence.device_store import SqlDeviceStore

FIRST = "34020000001110000001"


def _first_schema_with_a_camera(connection: Connection) -> None:
    with Operations.context(MigrationContext.configure(connection)):
        import_module("vms.persistence.migrations.versions.0001_first_schema").upgrade()
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    connection.execute(text("INSERT INTO alembic_version VALUES ('0001')"))
    connection.execute(
        text(
            "INSERT INTO devices (key, device_id, name, manufacturer, model, firmware, user_agent,"
            " edition, sip_username, media_transport, keepalive_interval_s, keepalive_misses,"
            " state, tolerances) VALUES (1, :id, '', '', '', '', '', 'unknown', '', '', 60, 3,"
            " 'not_commissioned', '{}')"
        ),
        {"id": FIRST},
    )
    connection.execute(
        text(
            "INSERT INTO channels (key, device_key, channel_id, name, manufacturer, model, owner,"
            " civil_code, address, parent_ids, business_group_id, parental, secrecy, is_on,"
            " status_text, extra, name_override, state, absent_syncs) VALUES (1, 1, '1', 'Gate',"
            " '', '', '', '', '', '[]', '', false, false, true, '', '{}', 'My gate',"
            " 'not_commissioned', 0)"
        )
    )


async def test_what_the_first_version_stored_is_there_after_the_upgrade(database_url: str) -> None:
    engine = create_async_engine(parse_url(database_url))
    async with engine.begin() as connection:
        await connection.run_sync(_first_schema_with_a_camera)
    await engine.dispose()

    async with Database.open(database_url) as database:
        stored = await SqlDeviceStore(database).load_all()

    assert stored.devices == (Device(key=DeviceKey(1), device_id=DeviceId(FIRST)),)
    assert stored.channels == (
        Channel(
            key=ChannelKey(1),
            device_key=DeviceKey(1),
            device_id=DeviceId(FIRST),
            reported=ReportedChannel(channel_id=stored.channels[0].channel_id, name="Gate"),
            name_override="My gate",
        ),
    )
