"""STUN binding (RFC 8489) as far as an ICE-lite agent needs it (RFC 8445, 2.5). Pure."""

import hmac
import ipaddress
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1

from media.errors import ProtocolError

MAGIC_COOKIE = 0x2112A442
HEADER_BYTES = 20
MESSAGE_LIMIT_BYTES = 1_280

BINDING_REQUEST = 0x0001
BINDING_RESPONSE = 0x0101

_USERNAME = 0x0006
_MESSAGE_INTEGRITY = 0x0008
_XOR_MAPPED_ADDRESS = 0x0020
_USE_CANDIDATE = 0x0025
_FINGERPRINT = 0x8028
_FINGERPRINT_MASK = 0x5354554E
_INTEGRITY_BYTES = 24
"""MESSAGE-INTEGRITY with its attribute header; FINGERPRINT with its own takes 8."""


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """A connectivity check whose FINGERPRINT was right; whose password it was sealed with is open.

    `username` is `<our ufrag>:<the viewer's ufrag>`.
    """

    transaction_id: bytes
    username: str
    use_candidate: bool
    sealed: bytes
    """The bytes that MESSAGE-INTEGRITY covers, the length field already that of RFC 8489, 14.5."""
    seal: bytes

    @property
    def our_ufrag(self) -> str:
        """The first half of the user name: whose viewer this is."""
        return self.username.partition(":")[0]

    def is_sealed_by(self, password: str) -> bool:
        """True when MESSAGE-INTEGRITY was made with `password`; compared in constant time."""
        return hmac.compare_digest(hmac.digest(password.encode(), self.sealed, sha1), self.seal)


def is_stun(data: bytes) -> bool:
    """Tell STUN from DTLS, SRTP and SRTCP on one port (RFC 7983)."""
    return len(data) >= HEADER_BYTES and data[0] < 4 and data[4:8] == b"\x21\x12\xa4\x42"


def parse_binding_request(data: bytes) -> BindingRequest:
    """Read a connectivity check. `ProtocolError` for anything else, or a wrong FINGERPRINT."""
    if not is_stun(data) or len(data) > MESSAGE_LIMIT_BYTES:
        raise ProtocolError("no STUN message")
    kind, length = struct.unpack_from("!HH", data)
    if kind != BINDING_REQUEST:
        raise ProtocolError(f"STUN message type {kind:#06x}")
    if length % 4 or length + HEADER_BYTES != len(data):
        raise ProtocolError(f"STUN length {length} in {len(data)} bytes")
    attributes: dict[int, tuple[int, bytes]] = {}
    for name, offset, value in _attributes(data):
        # What follows MESSAGE-INTEGRITY is not sealed: only the fingerprint counts there.
        if name == _FINGERPRINT or _MESSAGE_INTEGRITY not in attributes:
            attributes.setdefault(name, (offset, value))
    if not {_USERNAME, _MESSAGE_INTEGRITY, _FINGERPRINT} <= attributes.keys():
        raise ProtocolError("check without USERNAME, MESSAGE-INTEGRITY or FINGERPRINT")
    _verify_fingerprint(data, *attributes[_FINGERPRINT])
    offset, seal = attributes[_MESSAGE_INTEGRITY]
    covered = offset - HEADER_BYTES + _INTEGRITY_BYTES
    return BindingRequest(
        transaction_id=data[8:HEADER_BYTES],
        username=attributes[_USERNAME][1].decode("utf-8", "replace"),
        use_candidate=_USE_CANDIDATE in attributes,
        sealed=data[:2] + struct.pack("!H", covered) + data[4:offset],
        seal=seal,
    )


def binding_response(transaction_id: bytes, password: str, host: str, port: int) -> bytes:
    """The success response: what address we see (XOR-MAPPED-ADDRESS), sealed with `password`."""
    address = ipaddress.ip_address(host)
    family = 1 if address.version == 4 else 2
    pad = MAGIC_COOKIE.to_bytes(4) + transaction_id
    mapped = bytes(a ^ b for a, b in zip(address.packed, pad, strict=False))
    value = struct.pack("!BBH", 0, family, port ^ MAGIC_COOKIE >> 16) + mapped
    body = struct.pack("!HH", _XOR_MAPPED_ADDRESS, len(value)) + value

    def header(length: int) -> bytes:
        return struct.pack("!HHI", BINDING_RESPONSE, length, MAGIC_COOKIE) + transaction_id

    sealed = header(len(body) + _INTEGRITY_BYTES) + body
    seal = hmac.digest(password.encode(), sealed, sha1)
    body += struct.pack("!HH", _MESSAGE_INTEGRITY, len(seal)) + seal
    message = header(len(body) + 8) + body
    fingerprint = zlib.crc32(message) ^ _FINGERPRINT_MASK
    return message + struct.pack("!HHI", _FINGERPRINT, 4, fingerprint)


def _attributes(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(name, offset, value) of each; the length in the header is known to be right."""
    offset = HEADER_BYTES
    while offset < len(data):
        name, size = struct.unpack_from("!HH", data, offset)
        value = data[offset + 4 : offset + 4 + size]
        if len(value) != size:
            raise ProtocolError(f"STUN attribute {name:#06x} cut short")
        yield name, offset, value
        offset += 4 + (size + 3 & ~3)


def _verify_fingerprint(data: bytes, offset: int, value: bytes) -> None:
    if len(value) != 4 or offset + 8 != len(data):
        raise ProtocolError("FINGERPRINT is not the last attribute")
    if zlib.crc32(data[:offset]) ^ _FINGERPRINT_MASK != int.from_bytes(value):
        raise ProtocolError("FINGERPRINT does not match")
