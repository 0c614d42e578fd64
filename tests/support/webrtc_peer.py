"""A WebRTC viewer in a few lines: aioice's STUN, aiortc's DTLS, no code of ours."""
# aiortc's transport is fed and listened to from within: it has no other way to do that.
# pyright: reportPrivateUsage=false

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aioice import stun
from aiortc import RTCCertificate, RTCDtlsTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.sdp import SessionDescription

OFFER = """v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE v a
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=mid:v
a=recvonly
a=rtcp-mux
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=fmtp:96 packetization-mode=1;profile-level-id=42e01f
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
m=audio 9 UDP/TLS/RTP/SAVPF 8
c=IN IP4 0.0.0.0
a=mid:a
a=recvonly
a=rtcp-mux
"""

LIMIT_S = 10.0


class WebRtcPeer:
    """Offers, connects, collects the RTP it is sent. `close` says goodbye; `vanish` does not."""

    role = "controlling"
    state = "completed"

    def __init__(self, *, promised_fingerprint: str | None = None) -> None:
        self.rtp: list[bytes] = []
        self._certificate = RTCCertificate.generateCertificate()
        self._promised = promised_fingerprint or next(
            one.value for one in self._certificate.getFingerprints() if one.algorithm == "sha-256"
        )
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        self._datagrams: asyncio.Queue[bytes] = asyncio.Queue()
        self._checks: asyncio.Queue[bytes] = asyncio.Queue()
        self._server = ("127.0.0.1", 0)
        self._ice = ("", "")
        self._dtls = RTCDtlsTransport(cast("Any", self), [self._certificate])
        self._dtls._set_role("client")
        cast("Any", self._dtls)._handle_rtp_data = self._take_rtp
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    @property
    def offer(self) -> str:
        """What goes to the WHEP endpoint."""
        return OFFER.format(fingerprint=self._promised).replace("\n", "\r\n")

    async def connect(self, answer: Callable[[str], Awaitable[str]]) -> None:
        """Offer, check, handshake."""
        description = SessionDescription.parse(await answer(self.offer))
        section = description.media[0]
        candidate = section.ice_candidates[0]
        assert section.ice is not None
        assert section.dtls is not None
        self._server = (candidate.ip, candidate.port)
        self._ice = (section.ice.usernameFragment or "", section.ice.password or "")
        await self.check()
        prints = [RTCDtlsFingerprint(one.algorithm, one.value) for one in section.dtls.fingerprints]
        async with asyncio.timeout(LIMIT_S):
            await self._dtls.start(RTCDtlsParameters(prints))

    async def check(self) -> None:
        """A connectivity check, answered."""
        ufrag, key = self._ice
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{ufrag}:peer"
        message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity(key.encode())
        message.add_fingerprint()
        self._socket.sendto(bytes(message), self._server)
        async with asyncio.timeout(LIMIT_S):
            await self._checks.get()

    async def send_rtcp(self, packet: bytes) -> None:
        """Feedback, encrypted."""
        await self._dtls._send_rtp(packet)

    async def close(self) -> None:
        """Ends the DTLS association and the socket."""
        await self._dtls.stop()
        self.vanish()

    def vanish(self) -> None:
        """The machine is switched off. Idempotent."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
        if self._dtls._task is not None:
            self._dtls._task.cancel()

    async def _recv(self) -> bytes:
        return await self._datagrams.get()

    async def _send(self, data: bytes) -> None:
        self._socket.sendto(data, self._server)

    async def _take_rtp(self, data: bytes, arrival_time_ms: int) -> None:  # noqa: ARG002, RUF100  aiortc's signature
        self.rtp.append(data)

    def _read(self) -> None:
        data = self._socket.recv(2_048)
        queue = self._checks if data[0] < 4 else self._datagrams
        queue.put_nowait(data)
