"""DTLS and SRTP towards a real DTLS client, and the private parts that this rests on."""
# pyright: reportPrivateUsage=false

import asyncio
import gc
import inspect
import re
import weakref
from pathlib import Path
from typing import Any, cast

import pylibsrtp
import pytest
from aiortc import RTCCertificate, RTCDtlsTransport
from aiortc.rtcdtlstransport import (
    SRTP_AES128_CM_SHA1_80,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
)
from pylibsrtp import _binding

import media
from media.outputs import webrtc_dtls
from media.outputs.webrtc_dtls import Certificate, SecureLink, SecurityError
from tests.support.waiting import until


class ClientTransport:
    """What an aiortc DTLS client needs beneath it."""

    role = "controlling"
    state = "completed"

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self.send: Any = None

    async def _recv(self) -> bytes:
        return await self.received.get()

    async def _send(self, data: bytes) -> None:
        self.send(data)


class Peers:
    """Our side and an aiortc client, joined by function calls."""

    def __init__(
        self,
        *,
        right_fingerprint: bool = True,
        gcm: bool = True,
        certificate: Certificate | None = None,
    ) -> None:
        self.closed = 0
        self.control: list[bytes] = []
        transport = ClientTransport()
        theirs = RTCCertificate.generateCertificate()
        self.client = RTCDtlsTransport(cast("Any", transport), [theirs])
        self.client._set_role("client")
        if not gcm:
            self.client._srtp_profiles = [SRTP_AES128_CM_SHA1_80]
        self._certificate = certificate or Certificate()
        prints = [(one.algorithm, one.value) for one in theirs.getFingerprints()]
        if not right_fingerprint:
            prints = [("sha-256", ":".join(["00"] * 32))]
        self.server = SecureLink(
            self._certificate, prints, transport.received.put_nowait, self._on_closed
        )
        transport.send = self._to_server

    async def connect(self) -> None:
        """Both handshakes."""
        ours = RTCDtlsFingerprint("sha-256", self._certificate.fingerprint)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.client.start(RTCDtlsParameters([ours])))
            tasks.create_task(self.server.connect())

    async def close(self) -> None:
        await self.client.stop()
        await self.server.close()

    def _to_server(self, data: bytes) -> None:
        control = self.server.receive(data)
        if control is not None:
            self.control.append(control)

    def _on_closed(self) -> None:
        self.closed += 1


RTP = bytes.fromhex("806c0001000000010000000b") + b"payload"
RECEIVER_REPORT = bytes.fromhex("80c9000100000001")


@pytest.mark.parametrize(
    ("gcm", "cipher"), [(True, "SRTP_AEAD_AES_256_GCM"), (False, "SRTP_AES128_CM_SHA1_80")]
)
async def test_we_choose_gcm_and_take_the_older_cipher_where_it_is_all_there_is(
    gcm: bool, cipher: str
) -> None:
    peers = Peers(gcm=gcm)
    await peers.connect()

    assert peers.server.cipher == cipher
    assert peers.client._rx_srtp.unprotect(peers.server.protect(RTP)) == RTP
    assert (
        peers.client._rx_srtp.unprotect_rtcp(peers.server.protect_rtcp(RECEIVER_REPORT))
        == RECEIVER_REPORT
    )
    await peers.client._send_rtp(RECEIVER_REPORT)
    assert peers.control == [RECEIVER_REPORT]
    await peers.close()


async def test_a_packet_sent_again_is_the_same_packet() -> None:
    peers = Peers()
    await peers.connect()

    assert peers.server.protect(RTP) == peers.server.protect(RTP)
    await peers.close()


async def test_a_client_with_another_certificate_than_it_promised_is_refused() -> None:
    peers = Peers(right_fingerprint=False)

    with pytest.raises(ExceptionGroup) as caught:
        await peers.connect()

    assert caught.group_contains(SecurityError)
    await peers.close()


async def test_forged_rtcp_is_a_security_error() -> None:
    peers = Peers()
    await peers.connect()

    with pytest.raises(SecurityError):
        peers.server.receive(RECEIVER_REPORT + bytes(40))
    await peers.close()


async def test_a_client_that_says_goodbye_is_reported_once() -> None:
    peers = Peers()
    await peers.connect()

    await peers.client.stop()

    await until(lambda: peers.closed == 1)
    assert not peers.server.is_connected
    await peers.close()


async def test_nothing_can_be_sent_before_the_handshake() -> None:
    peers = Peers()

    with pytest.raises(SecurityError):
        peers.server.protect(RTP)
    assert peers.server.receive(RECEIVER_REPORT) is None
    await peers.close()


def test_the_private_parts_of_aiortc_are_where_we_touch_them() -> None:
    """A new version of aiortc or pylibsrtp that fails here needs `webrtc_dtls` looked at."""
    transport = RTCDtlsTransport(
        cast("Any", ClientTransport()), [RTCCertificate.generateCertificate()]
    )
    touched = set(re.findall(r"self\._dtls\.(_\w+)", inspect.getsource(webrtc_dtls)))
    assert touched == {"_set_role", "_ssl", "_rx_srtp", "_tx_srtp"}
    for name in touched:
        assert hasattr(transport, name), name
    assert list(inspect.signature(RTCCertificate._create_ssl_context).parameters) == [
        "self",
        "srtp_profiles",
    ]
    assert "._create_ssl_context(" in inspect.getsource(RTCDtlsTransport.start)
    assert inspect.iscoroutinefunction(transport.start)
    assert transport.state == "new"
    source = inspect.getsource(RTCDtlsTransport)
    assert set(re.findall(r"self\.transport\.(\w+)", source)) == {"role", "_recv", "_send"}


def test_the_private_parts_of_pylibsrtp_are_where_we_touch_them() -> None:
    session = cast("Any", pylibsrtp.Session())
    for name in ("_srtp", "_cdata", "_buffer"):
        assert hasattr(session, name), name
    assert len(session._buffer) == 1_500
    binding = cast("Any", _binding)
    assert binding.lib.srtp_err_status_ok == 0
    assert callable(binding.lib.srtp_protect)
    assert binding.ffi.new("int *") is not None


async def test_viewers_share_what_openssl_makes_of_a_certificate_and_no_keys() -> None:
    certificate = Certificate()
    one, other = Peers(certificate=certificate), Peers(certificate=certificate)
    await one.connect()
    await other.connect()
    ours, theirs = one.server._dtls._ssl, other.server._dtls._ssl
    assert ours is not None
    assert theirs is not None

    assert ours.get_context() is theirs.get_context()
    assert ours.master_key() != theirs.master_key()
    with pytest.raises(pylibsrtp.Error):
        other.client._rx_srtp.unprotect(one.server.protect(RTP))
    await one.close()
    await other.close()


async def test_what_a_closed_link_had_of_openssl_is_gone_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        peers = Peers()
        await peers.connect()
        connection = weakref.ref(cast("Any", peers.server._dtls._ssl))
        assert connection() is not None

        await peers.close()
        del peers.server

        await until(lambda: connection() is None)
    finally:
        gc.enable()


def test_nobody_else_touches_them() -> None:
    [folder] = media.__path__
    users = [
        path.name
        for path in Path(folder).rglob("*.py")
        if re.search(
            r"^\s*(import|from) (aiortc|pylibsrtp|aioice|OpenSSL)\b", path.read_text(), re.MULTILINE
        )
    ]

    assert users == ["webrtc_dtls.py"]
