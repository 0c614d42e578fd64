"""DTLS and SRTP of one viewer: the only module that touches private parts of aiortc and pylibsrtp.

`RTCDtlsTransport` asks of the transport beneath it `role`, `state`, `_recv()` and `_send()`; after
the handshake its two SRTP sessions are used directly: a packet costs one call and no `await`.
The libraries' versions are pinned, and a test names each part touched here.
"""
# These two tools warn about private names; here, and only here, they are the point.
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import pylibsrtp
from aiortc import RTCCertificate, RTCDtlsTransport
from aiortc.rtcdtlstransport import (
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    SRTPProtectionProfile,
)
from OpenSSL import SSL
from pylibsrtp import _binding

HANDSHAKE_LIMIT_S = 15.0
HANDSHAKE_DATAGRAMS = 64
"""Datagrams that wait for the handshake at most; more are dropped, and sent again by the peer."""

SRTP_OK = 0


class SecurityError(Exception):
    """The handshake failed, or bytes that came did not prove themselves."""


class _SharingCertificate(RTCCertificate):
    """Its viewers share one context of OpenSSL.

    aiortc makes one for each, and pyOpenSSL's callback in it lies in a cycle of references: 4 KiB
    a viewer that wait for the garbage collector.
    """

    _context: SSL.Context | None = None

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
            # No viewer comes back to its old session: each offer brings a handshake of its own.
            self._context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        return self._context


class Certificate:
    """Our certificate for DTLS, made new now and then; browsers know it by its fingerprint."""

    def __init__(self) -> None:
        self.rtc_certificate = _SharingCertificate.generateCertificate()
        self.fingerprint = next(
            print_.value
            for print_ in self.rtc_certificate.getFingerprints()
            if print_.algorithm == "sha-256"
        )


class _Datagrams:
    """The transport beneath `RTCDtlsTransport`: a bounded queue in, a function out."""

    role = "controlled"
    state = "completed"

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self._write = send
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(HANDSHAKE_DATAGRAMS)

    def put(self, data: bytes) -> None:
        if not self._queue.full():
            self._queue.put_nowait(data)

    async def _recv(self) -> bytes:
        return await self._queue.get()

    async def _send(self, data: bytes) -> None:
        self._write(data)


class SecureLink:
    """DTLS server and SRTP towards one viewer.

    `connect`, then `protect` for each packet; `receive` takes every datagram of the viewer.
    `on_closed` is called when the viewer ends the DTLS association.
    """

    def __init__(
        self,
        certificate: Certificate,
        fingerprints: Sequence[tuple[str, str]],
        send: Callable[[bytes], object],
        on_closed: Callable[[], None],
    ) -> None:
        self._datagrams = _Datagrams(send)
        # aiortc declares its own ICE transport; it uses the four names above and nothing else.
        self._dtls = RTCDtlsTransport(cast("Any", self._datagrams), [certificate.rtc_certificate])
        self._dtls._set_role("server")
        self._parameters = RTCDtlsParameters(
            [RTCDtlsFingerprint(algorithm=name, value=value) for name, value in fingerprints]
        )
        self._on_closed = on_closed
        self.protect: Callable[[bytes], bytes] = _not_yet
        self.is_connected = False

    async def connect(self) -> None:
        """The handshake; `SecurityError` when it fails or takes longer than its limit."""
        try:
            async with asyncio.timeout(HANDSHAKE_LIMIT_S):
                await self._dtls.start(self._parameters)
        except TimeoutError as error:
            raise SecurityError(f"no DTLS handshake in {HANDSHAKE_LIMIT_S:g} s") from error
        if self._dtls.state != "connected":
            raise SecurityError("DTLS handshake failed")
        self.protect = _fast_protect(self._dtls._tx_srtp)
        self.is_connected = True
        self._dtls.on("statechange", self._on_state_change)

    @property
    def cipher(self) -> str:
        """The SRTP profile agreed on; empty before the handshake."""
        connection = self._dtls._ssl
        return connection.get_selected_srtp_profile().decode() if connection else ""

    def receive(self, data: bytes) -> bytes | None:
        """A datagram of the viewer: RTCP comes back decrypted, the rest is dealt with here.

        `SecurityError` when it does not prove itself.
        """
        if 128 <= data[0] < 192:
            if not self.is_connected:
                return None
            try:
                return self._dtls._rx_srtp.unprotect_rtcp(data)
            except (pylibsrtp.Error, ValueError) as error:
                raise SecurityError(str(error)) from error
        if 20 <= data[0] < 64:
            self._datagrams.put(data)
        return None

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Encrypt RTCP (SRTCP counts on its own)."""
        return self._dtls._tx_srtp.protect_rtcp(packet)

    async def close(self) -> None:
        """Tell the viewer and end. Idempotent."""
        self.is_connected = False
        self._dtls.remove_all_listeners()
        await self._dtls.stop()

    def _on_state_change(self) -> None:
        if self._dtls.state in {"closed", "failed"}:
            self.is_connected = False
            self._on_closed()


def _not_yet(packet: bytes) -> bytes:
    raise SecurityError(f"{len(packet)} bytes to protect before the handshake")


def _fast_protect(session: pylibsrtp.Session) -> Callable[[bytes], bytes]:
    """What `Session.protect` does, without making its helpers anew for each packet: half the time.

    The caller's packets are far below the session's buffer of 1,500 bytes, trailer included.
    """
    session_parts = cast("Any", session)
    handle, area, buffer = session_parts._srtp, session_parts._cdata, session_parts._buffer
    srtp_protect: Callable[[object, object, object], int] = cast("Any", _binding).lib.srtp_protect
    length = cast("Any", _binding).ffi.new("int *")
    context = handle[0]

    def protect(packet: bytes, _keep_alive: object = handle) -> bytes:
        size = len(packet)
        length[0] = size
        buffer[0:size] = packet
        status = srtp_protect(context, area, length)
        if status != SRTP_OK:
            raise SecurityError(f"SRTP status {status}")
        protected: bytes = buffer[0 : length[0]]
        return protected

    return protect
