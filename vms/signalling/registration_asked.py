"""What a REGISTER asks and what it is told, whichever way it was read (RFC 3261, 10)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sip.message import Flow, Request, response_to
from sip.plain_register import PlainRegister
from vms.gb28181.ids import DeviceId
from vms.gb28181.version import HEADER as VERSION_HEADER
from vms.gb28181.version import Edition, edition_of
from vms.signalling.header_text import readable


class Said(NamedTuple):
    """An answer: `reason` None for the usual one, headers beside those that are copied."""

    status: int
    reason: str | None = None
    headers: Sequence[tuple[str, str]] = ()


class Asked(NamedTuple):
    """A REGISTER. `uri`, `authorization` and `contact` are literal, None or "" where absent."""

    flow: Flow
    device_id: DeviceId
    to_id: str
    uri: str
    method: str
    authorization: str | None
    call_id: str
    contact: str
    expires_s: int | None
    user_agent: str
    edition: Edition
    received_bytes: int
    size_of: Callable[[Said], int]
    """How many bytes an answer has."""


def asked_of_request(request: Request, flow: Flow, device_id: DeviceId) -> Asked:
    """Raises `sip.errors.ProtocolError` for a To or an expiry that cannot be read."""
    headers = request.headers

    def size_of(said: Said) -> int:
        return response_to(request, said.status, reason=said.reason, headers=said.headers).size

    return Asked(
        flow,
        device_id,
        request.to.uri.user or "",
        request.uri,
        request.literal_method,
        headers.get("Authorization"),
        readable(request.call_id),
        headers.get("Contact") or "",
        request.expires,
        readable(headers.get("User-Agent")),
        edition_of(headers.get(VERSION_HEADER)),
        request.received_bytes,
        size_of,
    )


def asked_of_plain(register: PlainRegister, device_id: DeviceId) -> Asked:
    """The same for one of the usual shape."""

    def size_of(said: Said) -> int:
        return register.size_of(said.status, said.reason, said.headers)

    return Asked(
        register.flow,
        device_id,
        register.to_user,
        register.uri,
        "REGISTER",
        register.authorization,
        register.call_id,
        register.contact,
        register.expires_s,
        register.user_agent or "",
        edition_of(register.version),
        register.received_bytes,
        size_of,
    )
