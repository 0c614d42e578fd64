"""WebRTC viewers as a child of a benchmark: aiortc's DTLS and SRTP, none of the relay's code."""

import asyncio
import socket
import time
from collections.abc import Mapping
from itertools import count

from aiortc.rtp import RtcpReceiverInfo, RtcpRrPacket

from benchmarks.support import Answer, obey, run_child
from tests.support.webrtc_peer import WebRtcPeer

RECEIVE_BUFFER_BYTES = 4 * 2**20
CONSENT_S = 5.0
REPORT_S = 1.0
"""As often as browsers do, roughly."""

PICTURE_LIMIT_S = 10.0
VIDEO_PAYLOAD_TYPE = 96
OWN_SSRC = 1


class Viewer(WebRtcPeer):
    """Counts the video packets it decrypts, by their sequence numbers."""

    def __init__(self) -> None:
        super().__init__()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.packets = 0
        self.gaps = 0
        self._ssrc = 0
        self._last: int | None = None
        self.has_picture = asyncio.Event()

    async def live(self) -> None:
        """Consent and receiver reports, until cancelled."""
        for second in count(1):
            await asyncio.sleep(REPORT_S)
            if second % int(CONSENT_S / REPORT_S) == 0:
                await self.check()
            report = RtcpReceiverInfo(
                ssrc=self._ssrc,
                fraction_lost=0,
                packets_lost=self.gaps,
                highest_sequence=self._last or 0,
                jitter=0,
                lsr=0,
                dlsr=0,
            )
            await self.send_rtcp(bytes(RtcpRrPacket(ssrc=OWN_SSRC, reports=[report])))

    async def _take_rtp(self, data: bytes, arrival_time_ms: int) -> None:
        del arrival_time_ms
        if data[1] & 0x7F != VIDEO_PAYLOAD_TYPE:
            return
        sequence = int.from_bytes(data[2:4])
        if self._last is not None and sequence != (self._last + 1) & 0xFFFF:
            self.gaps += 1
        self._last = sequence
        self._ssrc = int.from_bytes(data[8:12])
        self.packets += 1
        if data[1] & 0x80:
            self.has_picture.set()


class Audience:
    """All viewers of this process."""

    def __init__(self) -> None:
        self._viewers: list[Viewer] = []
        self._lives: list[asyncio.Task[None]] = []

    async def offer(self, _: Answer) -> Mapping[str, object]:
        """One more viewer's offer."""
        viewer = Viewer()
        self._viewers.append(viewer)
        return {"sdp": viewer.offer}

    async def connect(self, asked: Answer) -> Mapping[str, object]:
        """The last viewer goes by this answer; how long until its first picture is whole."""
        began_s = time.perf_counter()
        viewer = self._viewers[-1]

        async def answer(_: str) -> str:
            return asked.text("sdp")

        await viewer.connect(answer)
        self._lives.append(asyncio.get_running_loop().create_task(viewer.live()))
        async with asyncio.timeout(PICTURE_LIMIT_S):
            await viewer.has_picture.wait()
        return {"first_picture_ms": 1e3 * (time.perf_counter() - began_s)}

    async def figures(self, _: Answer) -> Mapping[str, object]:
        """What each got."""
        return {
            "packets": [viewer.packets for viewer in self._viewers],
            "gaps": sum(viewer.gaps for viewer in self._viewers),
        }

    async def close(self) -> None:
        """All go."""
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        for viewer in self._viewers:
            await viewer.close()


async def work() -> None:
    """Obey."""
    audience = Audience()
    try:
        commands = {
            "offer": audience.offer,
            "connect": audience.connect,
            "figures": audience.figures,
        }
        await obey({}, commands)
    finally:
        await audience.close()


if __name__ == "__main__":
    run_child(work())
