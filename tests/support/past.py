"""A past that is known to the second, for pages and reports that show it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from config.settings import Settings
from vms.demo_history import Step, known_since, transitions_of
from vms.gb28181.ids import ChannelId, DeviceId
from vms.inventory.model import (
    Cause,
    Channel,
    ChannelKey,
    DeviceKey,
    ReportedChannel,
    State,
    Subject,
    SubjectKind,
)
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore


class Lived(NamedTuple):
    """A camera that registered at `began` and was away in between."""

    device_id: DeviceId
    channel_id: ChannelId
    name: str
    division: str
    away: Sequence[tuple[datetime, datetime]] = ()


async def live(settings: Settings, began: datetime, cameras: Sequence[Lived]) -> None:
    """Write their ledgers up to now into the database of a server that does not run yet."""
    async with Database.open(settings.database.url) as database:
        store = SqlDeviceStore(database)
        for key, camera in enumerate(cameras, 1):
            device, channel = (
                known_since(DeviceKey(key), camera.device_id, began),
                _channel(key, camera, began),
            )
            steps = _steps(camera, began)
            await store.save_device(
                device, transitions_of(Subject(SubjectKind.DEVICE, device.key), steps)
            )
            past = transitions_of(Subject(SubjectKind.CHANNEL, channel.key), steps)
            await store.save_channels([channel], (), past)
        await store.life_mark(int(datetime.now(UTC).timestamp()))


def _steps(camera: Lived, began: datetime) -> list[Step]:
    steps = [(int(began.timestamp()), State.ONLINE_SIGNALLED, Cause.REGISTERED)]
    for left, back in camera.away:
        steps.append((int(left.timestamp()), State.OFFLINE, Cause.SILENT))
        steps.append((int(back.timestamp()), State.ONLINE_SIGNALLED, Cause.KEEPALIVE))
    return steps


def _channel(key: int, camera: Lived, began: datetime) -> Channel:
    return Channel(
        key=ChannelKey(key),
        device_key=DeviceKey(key),
        device_id=camera.device_id,
        reported=ReportedChannel(
            channel_id=camera.channel_id, name=camera.name, civil_code=camera.division
        ),
        division_override=camera.division,
        state=State.ONLINE_SIGNALLED,
        state_since=began,
    )
