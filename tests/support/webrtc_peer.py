"""A WebRTC viewer in a few lines: aioice's STUN, aiortc's DTLS, no code of ours."""
# aiortc's transport is fed and listened to from within: it has no other way to do that.
# pyright: reportPrivateUsage=false

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aioice import stun
from aiortc import RTCCertificate, RTCDtlsTransport
from aiortc.rtcdtlstransport import (
    SRTP_AES128_CM_SHA1_80,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
)
from aiortc.sdp import SessionDescription

OFFER = """v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE v a
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=ice-ufrag:peer
a=ice-pwd:{ice_key}
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

H265 = """a=rtpmap:49 H265/90000
a=rtcp-fb:49 nack
a=fmtp:49 level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST
"""
LIMIT_S = 10.0


class WebRtcPeer:
    """Offers, connects, collects the RTP it is sent. `close` says goodbye; `vanish` does not.

    It goes by UDP, or by TCP with `tcp`; without `gcm` it knows one older cipher, with `h265` it
    decodes that too, as payload type 49.
    """

    role = "controlling"
    state = "completed"

    def __init__(
        self,
        *,
        promised_fingerprint: str | None = None,
        tcp: bool = False,
        gcm: bool = True,
        h265: bool = False,
    ) -> None:
        self.rtp: list[bytes] = []
        self._is_tcp = tcp
        self._has_h265 = h265
        self._frames = b""
        self._certificate = RTCCertificate.generateCertificate()
        self._promised = promised_fingerprint or next(
            one.value for one in self._certificate.getFingerprints() if one.algorithm == "sha-256"
        )
        self._socket = self._open_socket()
        self._datagrams: asyncio.Queue[bytes] = asyncio.Queue()
        self._checks: asyncio.Queue[bytes] = asyncio.Queue()
        self._server = ("127.0.0.1", 0)
        self._ice = ("", "")
        self._dtls = RTCDtlsTransport(cast("Any", self), [self._certificate])
        self._dtls._set_role("client")
        if not gcm:
            self._dtls._srtp_profiles = [SRTP_AES128_CM_SHA1_80]
        cast("Any", self._dtls)._handle_rtp_data = self._take_rtp

    @property
    def address(self) -> tuple[str, int]:
        """Where it is now."""
        host, port = self._socket.getsockname()
        return host, port

    @property
    def cipher(self) -> str:
        """The SRTP profile agreed on."""
        return self._dtls._ssl.get_selected_srtp_profile().decode() if self._dtls._ssl else ""

    @property
    def offer(self) -> str:
        """What goes to the WHEP endpoint."""
        text = OFFER.format(fingerprint=self._promised, ice_key=secrets.token_hex(16))
        if self._has_h265:
            text = text.replace("SAVPF 96", "SAVPF 49 96").replace("m=audio", f"{H265}m=audio")
        return text.replace("\n", "\r\n")

    async def connect(self, answer: Callable[[str], Awaitable[str]]) -> None:
        """Offer, check, handshake."""
        description = SessionDescription.parse(await answer(self.offer))
        section = description.media[0]
        protocol = "tcp" if self._is_tcp else "udp"
        candidate = next(one for one in section.ice_candidates if one.protocol == protocol)
        assert section.ice is not None
        assert section.dtls is not None
        self._server = (candidate.ip, candidate.port)
        self._ice = (section.ice.usernameFragment or "", section.ice.password or "")
        if self._is_tcp:
            await asyncio.get_running_loop().sock_connect(self._socket, self._server)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)
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
        self._write(bytes(message))
        async with asyncio.timeout(LIMIT_S):
            await self._checks.get()

    def move(self) -> None:
        """Another network: what is sent to where it was is lost. The next check tells."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._socket = self._open_socket()
        loop.add_reader(self._socket.fileno(), self._read)

    async def restart(self, patch: Callable[[str], Awaitable[str]]) -> None:
        """New credentials from both sides (RFC 8840), and a check with them."""
        theirs = await patch(f"a=ice-ufrag:{secrets.token_hex(4)}\r\na=ice-pwd:{'k' * 22}\r\n")
        told = dict(line[2:].split(":", 1) for line in theirs.splitlines() if ":" in line)
        self._ice = told["ice-ufrag"], told["ice-pwd"]
        await self.check()

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
        self._write(data)

    async def _take_rtp(self, data: bytes, arrival_time_ms: int) -> None:  # noqa: ARG002, RUF100  aiortc's signature
        self.rtp.append(data)

    def _open_socket(self) -> socket.socket:
        kind = socket.SOCK_STREAM if self._is_tcp else socket.SOCK_DGRAM
        one = socket.socket(socket.AF_INET, kind)
        one.setblocking(False)
        one.bind(("127.0.0.1", 0))
        return one

    def _write(self, data: bytes) -> None:
        if self._is_tcp:
            self._socket.sendall(len(data).to_bytes(2) + data)
        else:
            self._socket.sendto(data, self._server)

    def _read(self) -> None:
        data = self._socket.recv(65_536)
        if not self._is_tcp:
            self._take(data)
            return
        self._frames += data
        while len(self._frames) >= 2:
            end = 2 + int.from_bytes(self._frames[:2])
            if len(self._frames) < end:
                break
            self._take(self._frames[2:end])
            self._frames = self._frames[end:]

    def _take(self, data: bytes) -> None:
        queue = self._checks if data[0] < 4 else self._datagrams
        queue.put_nowait(data)
