"""A simulated camera's media: pictures and sound as a program stream in RTP, in real time."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, Self, cast

from media.ps.mux import PsMuxer
from media.rtp.framing import frame
from media.rtp.packet import packetise
from media.unit import PTS_HZ, Codec
from vms.clock import Clock
from vms.gb28181.sdp import PS
from vms.simulator.footage import CodedPicture, Footage
from vms.simulator.sound import Tone
from vms.simulator.summary import Summary

LATE_LIMIT_S = 1.0
"""A stream further behind than this goes on from where it is instead of hurrying."""

SEND_BUFFER_LIMIT_BYTES = 4 * 2**20
"""What may wait on a connection the server does not read; then packets are lost."""

CONNECT_LIMIT_S = 5.0
CONNECT_ATTEMPTS = 3
RECONNECT_S = 1.0
"""Annex D: a refused connection is tried again, three times at least, a second apart."""


_STREAM_MAP = b"\x00\x00\x01\xbc"
_PRIVATE_PACKET = b"\x00\x00\x01\xbd\x00\x08\x80\x00\x00" + bytes(range(1, 6))
"""A PES packet of the private stream 1: no time stamp, five bytes nobody explains."""


class Road(Protocol):
    """How packets travel."""

    def send(self, packet: bytes) -> bool:
        """Send one RTP packet; False when it is lost. Raises `OSError` when the road is gone."""
        ...

    def close(self) -> None:
        """Give the socket back."""
        ...


class UdpRoad:
    """Packets from a port of our own; open before the answer, which has to name the port."""

    def __init__(self, local_host: str) -> None:
        family = socket.AF_INET6 if ":" in local_host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((local_host, 0))
        self._remote = ("", 0)

    @property
    def port(self) -> int:
        """Where packets come from."""
        port: int = self._socket.getsockname()[1]
        return port

    def aim(self, host: str, port: int) -> None:
        """Where packets go."""
        self._remote = (host, port)

    def send(self, packet: bytes) -> bool:
        """Lost where the kernel has no room for it."""
        try:
            self._socket.sendto(packet, self._remote)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


class TcpRoad(asyncio.Protocol):
    """Packets framed by RFC 4571 on a connection we open; what comes back (RTCP) is not read."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._is_lost = False

    @classmethod
    async def connect(cls, local_host: str, host: str, port: int) -> Self:
        """Connect, with the standard's attempts; raises `OSError` when none succeeds."""
        for attempt in range(1, CONNECT_ATTEMPTS + 1):
            try:
                async with asyncio.timeout(CONNECT_LIMIT_S):
                    _, road = await asyncio.get_running_loop().create_connection(
                        cls, host, port, local_addr=(local_host, 0)
                    )
            except OSError:
                if attempt == CONNECT_ATTEMPTS:
                    raise
                await asyncio.sleep(RECONNECT_S)
            else:
                return road
        raise AssertionError("the last attempt raises")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._is_lost = True

    def send(self, packet: bytes) -> bool:
        """Lost where the server does not read."""
        if self._transport is None or self._is_lost:
            raise ConnectionResetError("the server closed the media connection")
        if self._transport.get_write_buffer_size() > SEND_BUFFER_LIMIT_BYTES:
            return False
        self._transport.write(frame(packet))
        return True

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@dataclass(frozen=True, slots=True)
class Pace:
    """What all streams share: the loop's helper threads, the clock, the counts."""

    executor: Executor
    clock: Clock
    summary: Summary


@dataclass(frozen=True, slots=True)
class Manners:
    """How a stream is packed: as the standard asks, or otherwise.

    `is_bare` sends the coded pictures themselves under the payload type of program streams.
    """

    has_psm: bool = True
    has_right_crc: bool = True
    has_private_stream: bool = False
    is_bare: bool = False

    def put_on(self, pack: bytes) -> bytes:
        """The pack with what is wrong about it."""
        if not self.has_right_crc:
            start = pack.find(_STREAM_MAP)
            if start >= 0:
                length = int.from_bytes(pack[start + 4 : start + 6], "big")
                crc_at = start + 6 + length - 4
                wrong = bytes(byte ^ 0xFF for byte in pack[crc_at : crc_at + 4])
                pack = pack[:crc_at] + wrong + pack[crc_at + 4 :]
        return pack + _PRIVATE_PACKET if self.has_private_stream else pack


class MediaStream:
    """One stream: footage and tone, muxed, cut into packets, sent when they are due."""

    def __init__(
        self,
        pace: Pace,
        footage: Footage,
        tone: Tone | None,
        *,
        ssrc: int,
        is_lost: Callable[[], bool],
        manners: Manners,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """`prepare` is called in the loop before each picture, which may be coded in a thread."""
        self._pace = pace
        self._footage = footage
        self._tone = tone
        self._ssrc = ssrc
        self._is_lost = is_lost
        audio: Codec | None = tone.codec if tone else None
        self._muxer = PsMuxer(footage.codec, audio, with_psm=manners.has_psm)
        self._manners = manners
        self._prepare = prepare
        self._sequence = 0
        self._tones_sent = 0
        self._key_wanted = False

    def want_key_picture(self) -> None:
        """The next picture shall be a key picture."""
        self._key_wanted = True

    async def run(self, road: Road) -> None:
        """Send until cancelled; ends by itself when the road is gone."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        number = 0
        try:
            while True:
                wait = started + number / self._footage.pictures_per_s - loop.time()
                if wait < -LATE_LIMIT_S:
                    started -= wait
                await asyncio.sleep(max(wait, 0))
                picture = await self._next_picture()
                self._send(road, picture, int(number * PTS_HZ / self._footage.pictures_per_s))
                number += 1
        except OSError as error:
            self._pace.summary.note_error(f"media: {error}")
        finally:
            road.close()

    async def _next_picture(self) -> CodedPicture:
        key_wanted, self._key_wanted = self._key_wanted, False
        at = self._pace.clock.wall()
        if self._prepare is not None:
            self._prepare()
        if not self._footage.takes_time:
            return self._footage.next_picture(at, key_wanted=key_wanted)
        return await asyncio.get_running_loop().run_in_executor(
            self._pace.executor,
            lambda: self._footage.next_picture(at, key_wanted=key_wanted),
        )

    def _send(self, road: Road, picture: CodedPicture, pts: int) -> None:
        summary = self._pace.summary
        pack = picture.data if self._manners.is_bare else self._packed(picture, pts)
        for packet in packetise(
            pack, payload_type=PS, sequence=self._sequence, timestamp=pts, ssrc=self._ssrc
        ):
            self._sequence += 1
            if self._is_lost() or not road.send(packet):
                summary.packets_lost += 1
                continue
            summary.packets_sent += 1
            summary.bytes_sent += len(packet)
        summary.pictures_sent += 1

    def _packed(self, picture: CodedPicture, pts: int) -> bytes:
        pack = self._muxer.picture(picture.data, pts, is_key=picture.is_key)
        if self._tone is not None:
            for sound, sound_pts in self._tone.frames_before(pts, self._tones_sent):
                pack += self._muxer.sound(sound, sound_pts)
                self._tones_sent += 1
        return self._manners.put_on(pack)
