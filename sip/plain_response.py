"""Responses of the usual shape to requests of ours, read no further than their transaction needs.

When a city comes back each of its devices is sent a few requests, and answers each with a 200 that
looks like all the others: of it nobody wants more than the status. `read_plain_response` finds the
transaction by one expression; headers are taken apart for whoever asks for them.

What it accepts: one line each of Via, From, To, Call-ID and CSeq, in this order, spelled and spaced
as in the standard's examples, behind the Via nothing but our branch, `rport` and `received`, behind
the CSeq only the usual headers, no body. Everything else, and whatever answers an INVITE, is None,
and goes the general way, which would read the same out of it.
"""

import re
from typing import Final, NamedTuple

from sip.effects import ClientKey
from sip.headers import Headers
from sip.message import Response
from sip.parser import fields_of
from sip.plain import PORT

MAX_PLAIN_BYTES: Final = 4_096

_NOTED: Final = rb"(?:;rport(?:=[0-9]{1,5})?|;received=[0-9.]{7,15})*+"
_PLAIN: Final = re.compile(
    rb"SIP/2\.0 ([1-6][0-9]{2}) ([A-Za-z][\w \-]{0,63}(?<! ))\r\n"
    rb"Via: SIP/2\.0/(?:UDP|TCP) [\w.\-]{1,64}"
    + PORT
    + _NOTED
    + rb";branch=(z9hG4bK[0-9A-Za-z]{1,64})"
    + _NOTED
    + rb"\r\n"
    rb"From: [ -~]{1,512}\r\n"
    rb"To: [ -~]{1,512}\r\n"
    rb"Call-ID: [\w.@:\-]{1,256}\r\n"
    rb"CSeq: [0-9]{1,9} (MESSAGE|SUBSCRIBE|NOTIFY|BYE|INFO|OPTIONS)\r\n"
    rb"(?:(?:Contact|User-Agent|Server|Expires|Date|X-GB-Ver): [ -~]{0,512}\r\n)*+"
    rb"(?:Content-Length: 0\r\n)?\r\n"
)


class PlainResponse(NamedTuple):
    """A response, and which transaction it belongs to."""

    key: ClientKey
    response: Response


class _Unread(Headers):
    """Taken apart when the first of them is asked for."""

    __slots__ = ("_head",)

    def __init__(self, head: bytes) -> None:  # its fields come with `__getattr__`
        self._head = head

    def __getattr__(self, name: str) -> list[tuple[str, str, str]]:
        if name != "_fields":
            raise AttributeError(name)
        self._fields = fields_of(self._head.decode("ascii").split("\r\n"))
        return self._fields


def read_plain_response(data: bytes) -> PlainResponse | None:
    """None for what goes the general way."""
    if len(data) > MAX_PLAIN_BYTES:
        return None
    found = _PLAIN.fullmatch(data)
    if found is None:
        return None
    status, reason, branch, method = found.groups()
    return PlainResponse(
        ClientKey(branch.decode(), method.decode()),
        Response(int(status), reason.decode(), _Unread(data[:-4])),
    )
