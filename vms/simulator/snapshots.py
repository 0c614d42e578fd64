"""Snapshots a simulated camera takes on demand, and brings to where it was told (2022, 4.2)."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from media.outputs.snapshot import jpeg_of
from media.unit import AccessUnit, Codec
from vms.gb28181.manscdp.fields import BEIJING
from vms.gb28181.manscdp.messages import SnapShotConfig
from vms.simulator.footage import TestCard

MAX_SNAPSHOTS = 10
MIN_INTERVAL_S, MAX_INTERVAL_S = 0, 60
UPLOAD_LIMIT_S = 10.0
MAX_HEAD_BYTES = 16 * 1024

_SNAPSHOT = "02"


class UploadError(Exception):
    """A picture could not be brought to where it should go."""


async def take_and_upload(
    order: SnapShotConfig,
    channel_id: str,
    server_host: str,
    wall: Callable[[], datetime],
    caption: Callable[[], str],
    note_error: Callable[[str], None],
) -> tuple[str, ...]:
    """Take the pictures in their interval and POST each; the names of those that arrived.

    Only to `server_host` and to this machine: a simulator sends nothing to strangers.
    """
    target = _target_of(order.upload_url, server_host)
    if target is None:
        note_error(f"{channel_id}: no snapshots go to {order.upload_url[:200]!r}")
        return ()
    arrived: list[str] = []
    for number in range(1, min(max(order.snap_count, 1), MAX_SNAPSHOTS) + 1):
        if number > 1:
            await asyncio.sleep(min(max(order.interval_s or 1, MIN_INTERVAL_S), MAX_INTERVAL_S))
        at = wall()
        jpeg = await asyncio.to_thread(picture_of, channel_id, at, caption())
        name = file_id(channel_id, at, number)
        try:
            await _post(target, f"{name}.jpg", jpeg)
        except (OSError, TimeoutError, UploadError) as error:
            note_error(f"{channel_id}: snapshot {number} not uploaded: {error}")
        else:
            arrived.append(name)
    return tuple(arrived)


def file_id(channel_id: str, at: datetime, number: int) -> str:
    """41 digits: the camera, 02, the moment to the millisecond in Beijing, a number of two."""
    local = at.astimezone(BEIJING)
    stamp = f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}"
    return f"{channel_id.rjust(20, '0')}{_SNAPSHOT}{stamp}{number:02d}"


def picture_of(channel_id: str, at: datetime, caption: str) -> bytes:
    """The test card of that moment as JPEG."""
    card = TestCard(channel_id, Codec.H264, caption)
    picture = card.next_picture(at, key_wanted=True)
    return jpeg_of(AccessUnit(Codec.H264, 0, picture.data, is_key=True, received_s=0))


def _target_of(url: str, server_host: str) -> SplitResult | None:
    """Where an upload goes; None where it must not, or where the URL is none."""
    try:
        target = urlsplit(url)
        host, _ = target.hostname, target.port
    except ValueError:
        return None
    if target.scheme != "http" or not host:
        return None
    try:
        is_here = ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    return target if is_here or host == server_host else None


async def _post(target: SplitResult, name: str, jpeg: bytes) -> None:
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {target.netloc.rpartition('@')[2]}\r\n"
        f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\nConnection: close\r\n\r\n'
    )
    async with asyncio.timeout(UPLOAD_LIMIT_S):
        reader, writer = await asyncio.open_connection(
            target.hostname, target.port or 80, limit=MAX_HEAD_BYTES
        )
        try:
            writer.write(head.encode() + jpeg)
            await writer.drain()
            try:
                line = await reader.readline()
            except ValueError as error:
                raise UploadError("an answer that is no HTTP") from error
        finally:
            writer.close()
    words = line.split(b" ")
    if len(words) < 2 or not words[1].startswith(b"2"):
        raise UploadError(f"answered {line[:80]!r}")
