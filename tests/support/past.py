"""A past that is known to the second, for pages and reports that show it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from config.settings import Settings
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.version import Edition
from vms.inventory.model import (
    Binding,
    Cause,
    Channel,
    ChannelKey,
    Device,
    DeviceKey,
    ReportedChannel,
    State,
    Subject,
    SubjectKind,
    Transition,
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
            device, channel = _device(key, camera, began), _channel(key, camera, began)
            steps = _steps(camera, began)
            await store.save_device(device, _of(Subject(SubjectKind.DEVICE, device.key), steps))
            past = _of(Subject(SubjectKind.CHANNEL, channel.key), steps)
            await store.save_channels([channel], (), past)
        await store.life_mark(int(datetime.now(UTC).timestamp()))


_Step = tuple[int, State, Cause]


def _steps(camera: Lived, began: datetime) -> list[_Step]:
    steps = [(int(began.timestamp()), State.ONLINE_SIGNALLED, Cause.REGISTERED)]
    for left, back in camera.away:
        steps.append((int(left.timestamp()), State.OFFLINE, Cause.SILENT))
        steps.append((int(back.timestamp()), State.ONLINE_SIGNALLED, Cause.KEEPALIVE))
    return steps


def _of(subject: Subject, steps: Sequence[_Step]) -> list[Transition]:
    closes = [None, *(at_s for at_s, _, _ in steps)]
    return [
        Transition(subject, at_s, closed, state, cause)
        for (at_s, state, cause), closed in zip(steps, closes, strict=False)
    ]


def _device(key: int, camera: Lived, began: datetime) -> Device:
    return Device(
        key=DeviceKey(key),
        device_id=camera.device_id,
        edition=Edition.E2016,
        binding=Binding(
            transport="UDP",
            host="127.0.0.1",
            port=9,
            contact="",
            local_host="127.0.0.1",
            call_id="",
            registered_at=began,
            expires_at=began + timedelta(days=365),
        ),
        state=State.ONLINE_SIGNALLED,
        state_since=began,
        created_at=began,
    )


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
