"""Cameras that send 1080p25 at 4 Mbit/s as PS over RTP, as a child of a benchmark.

One film is encoded and packed once; the streams share its bytes and differ by SSRC. A picture's
packets leave at one stretch, when it is due, as cameras send them; the streams' pictures and key
pictures are spread evenly over time.
"""

import asyncio
import heapq
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import cast

from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from benchmarks.support import Answer, obey, run_child
from media.door import Transport
from media.ffmpeg import encode
from media.ps.mux import PsMuxer
from media.unit import PTS_HZ, Codec

PICTURES_PER_S = 25
GROUP = 50
"""Pictures from key picture to key picture."""

BITS_PER_S = 4_000_000
PAYLOAD_BYTES = 1_400
PAYLOAD_TYPE = 96
SEND_BUFFER_BYTES = 2**20
HOST = "127.0.0.1"
HANG_UP_S = 0.5
"""From the end of a connection's data to its end."""


_head = struct.Struct(">BBHI")

Film = Sequence[Sequence[tuple[bytes, bytes]]]
"""For each picture its packets: RTP header up to the SSRC, and payload."""


def coded_pictures() -> list[bytes]:
    """One group of Annex B pictures, the first a key picture: a test card, with noise."""
    graph = Graph()
    source = graph.add("testsrc2", f"size=1920x1080:rate={PICTURES_PER_S}")
    noise = graph.add("noise", "alls=12:allf=t")
    shape = graph.add("format", "yuv420p")
    sink = graph.add("buffersink")
    for upper, lower in ((source, noise), (noise, shape), (shape, sink)):
        upper.link_to(lower)
    graph.configure()
    encoder = VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 1920, 1080, "yuv420p"
    encoder.framerate = Fraction(PICTURES_PER_S)
    encoder.time_base = Fraction(1, PICTURES_PER_S)
    encoder.bit_rate, encoder.gop_size = BITS_PER_S, GROUP
    encoder.options = {"preset": "veryfast", "tune": "zerolatency", "x264-params": "scenecut=0"}
    # Rate control settles in the first group; the second is kept.
    packets = [
        packet.data
        for number in range(2 * GROUP)
        for packet in encode(encoder, _numbered(graph, number))
    ]
    return packets[GROUP:]


def _numbered(graph: Graph, number: int) -> VideoFrame:
    frame = cast("VideoFrame", graph.pull())
    # The source marks all its pictures as key pictures, which the encoder would believe.
    frame.pict_type = PictureType.NONE
    frame.pts = number
    frame.time_base = Fraction(1, PICTURES_PER_S)
    return frame


def film_of(group: Sequence[bytes], seconds: int) -> Film:
    """The group shown again and again, its clock going on, packed and cut into packets."""
    muxer = PsMuxer(Codec.H264)
    film: list[list[tuple[bytes, bytes]]] = []
    sequence = 0
    for number in range(seconds * PICTURES_PER_S):
        place = number % len(group)
        ticks = number * PTS_HZ // PICTURES_PER_S
        pack = muxer.picture(group[place], ticks, is_key=place == 0)
        packets: list[tuple[bytes, bytes]] = []
        for start in range(0, len(pack), PAYLOAD_BYTES):
            payload = pack[start : start + PAYLOAD_BYTES]
            marker = 0x80 if start + PAYLOAD_BYTES >= len(pack) else 0
            head = _head.pack(0x80, marker | PAYLOAD_TYPE, sequence & 0xFFFF, ticks)
            packets.append((head, payload))
            sequence += 1
        film.append(packets)
    return film


class Camera:
    """One stream; `sent` counts its packets. `listener`: where it is connected to."""

    def __init__(
        self, transport: Transport, port: int, ssrc: int, listener: socket.socket | None
    ) -> None:
        self.sent = 0
        self._is_udp = transport.is_udp
        if listener is not None:
            self._socket, _ = listener.accept()
            listener.close()
        else:
            kind = socket.SOCK_DGRAM if self._is_udp else socket.SOCK_STREAM
            self._socket = socket.socket(socket.AF_INET, kind)
            self._socket.connect((HOST, port))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._ssrc = ssrc.to_bytes(4)

    def send(self, picture: Sequence[tuple[bytes, bytes]]) -> None:
        """Each packet by a call of its own; a full connection is waited for."""
        sock, ssrc = self._socket, self._ssrc
        if self._is_udp:
            for head, payload in picture:
                sock.sendmsg([head, ssrc, payload])
        else:
            for head, payload in picture:
                sock.sendall(b"".join(((12 + len(payload)).to_bytes(2), head, ssrc, payload)))
        self.sent += len(picture)

    def hang_up(self) -> None:
        """Nothing more comes. A socket closed with reports unread would take its data along."""
        if not self._is_udp:
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


class Studio:
    """Cameras that run until they are stopped or their film ends."""

    def __init__(self, film: Film) -> None:
        self._film = film
        self._cameras: list[Camera] = []
        self._task: asyncio.Task[None] | None = None
        self._latest_s = 0.0
        self._listeners: list[socket.socket] = []

    async def listen(self, asked: Answer) -> Mapping[str, object]:
        """Cameras that will be connected to; the next `start` takes the connections."""
        self._listeners = [socket.create_server((HOST, 0)) for _ in range(asked.number("count"))]
        return {"ports": [each.getsockname()[1] for each in self._listeners]}

    async def start(self, asked: Answer) -> Mapping[str, object]:
        """Connect all cameras; they begin within a group's time."""
        transport = Transport(asked.text("transport"))
        self._latest_s = 0.0
        self._cameras = [
            Camera(transport, port, ssrc, self._listeners.pop(0) if self._listeners else None)
            for port, ssrc in zip(asked.numbers("ports"), asked.numbers("ssrcs"), strict=True)
        ]
        self._task = asyncio.get_running_loop().create_task(self._run())
        return {}

    async def stop(self, _: Answer) -> Mapping[str, object]:
        """End all; how many packets each sent and how late the latest picture was."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for camera in self._cameras:
            camera.hang_up()
        await asyncio.sleep(HANG_UP_S)
        for camera in self._cameras:
            camera.close()
        return {
            "sent": [camera.sent for camera in self._cameras],
            "latest_ms": self._latest_s * 1e3,
        }

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        spread_s = GROUP / PICTURES_PER_S / len(self._cameras)
        due = [(began + number * spread_s, number, 0) for number in range(len(self._cameras))]
        while due:
            at, number, picture = due[0]
            wait = at - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
                continue
            self._latest_s = max(self._latest_s, -wait)
            self._cameras[number].send(self._film[picture])
            if picture + 1 < len(self._film):
                heapq.heapreplace(due, (at + 1 / PICTURES_PER_S, number, picture + 1))
            else:
                heapq.heappop(due)


async def work(seconds: int) -> None:
    """Obey."""
    film = film_of(coded_pictures(), seconds)
    packets = sum(map(len, film))
    size = sum(len(payload) for picture in film for _, payload in picture)
    studio = Studio(film)
    await obey(
        {"packets_per_s": packets // seconds, "kbit_per_s": size * 8 // seconds // 1000},
        {"listen": studio.listen, "start": studio.start, "stop": studio.stop},
    )


if __name__ == "__main__":
    run_child(work(int(sys.argv[1])))
