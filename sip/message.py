"""Requests and responses as values; bodies are bytes and stay bytes (RFC 3261, 7)."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from sip.errors import ProtocolError
from sip.headers import CSeq, Headers, NameAddr, Via
from sip.uri import join_host_port

METHODS: Final = frozenset(
    {
        "ACK",
        "BYE",
        "CANCEL",
        "INFO",
        "INVITE",
        "MESSAGE",
        "NOTIFY",
        "OPTIONS",
        "PRACK",
        "PUBLISH",
        "REFER",
        "REGISTER",
        "SUBSCRIBE",
        "UPDATE",
    }
)

REASONS: Final = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    603: "Decline",
    606: "Not Acceptable",
}

HIGHEST_EXPIRES_S = 2**32 - 1


class Address(NamedTuple):
    """Where a socket is: an IP address as text and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return join_host_port(self.host, self.port)


class Flow(NamedTuple):
    """The road a message came along, and answers go back along.

    `local` is the address the endpoint is bound to; `connection` numbers TCP connections from 1
    and is 0 for UDP (and for a TCP connection that has yet to be opened).
    """

    transport: Literal["UDP", "TCP"]
    local: Address
    remote: Address
    connection: int = 0

    @property
    def is_reliable(self) -> bool:
        """True where the transport itself repeats what is lost."""
        return self.transport == "TCP"


class Findings(NamedTuple):
    """What the parser noticed about a request that is not as RFC 3261 has it.

    `oddities` are names of what was put up with, to be counted. `fault` is why the request is to
    be refused though it can be answered. `is_doubtful` asks for a look at what it requires.
    """

    oddities: tuple[str, ...] = ()
    fault: ProtocolError | None = None
    is_doubtful: bool = False


_NOTHING_FOUND: Final = Findings()


class Message(ABC):
    """What requests and responses share. Header values are parsed when asked for, once."""

    __slots__ = ("_contact", "_cseq", "_from", "_to", "_via", "body", "headers")

    def __init__(self, headers: Headers, body: bytes) -> None:
        self.headers = headers
        self.body = body
        self._via: Via | None = None
        self._from: NameAddr | None = None
        self._to: NameAddr | None = None
        self._cseq: CSeq | None = None
        self._contact: NameAddr | None = None

    @property
    def call_id(self) -> str:
        """Call-ID; ProtocolError when absent or empty."""
        return _required(self.headers, "Call-ID")

    @property
    def cseq(self) -> CSeq:
        """CSeq with its method in the usual case; ProtocolError when absent or nonsense."""
        if self._cseq is None:
            cseq = CSeq.parse(_required(self.headers, "CSeq"))
            usual = usual_method(cseq.method)
            self._cseq = cseq if usual == cseq.method else CSeq(cseq.number, usual)
        return self._cseq

    @property
    def from_(self) -> NameAddr:
        """Who asks; ProtocolError when absent or nonsense."""
        if self._from is None:
            self._from = NameAddr.parse(_required(self.headers, "From"))
        return self._from

    @property
    def to(self) -> NameAddr:
        """Who is asked; ProtocolError when absent or nonsense."""
        if self._to is None:
            self._to = NameAddr.parse(_required(self.headers, "To"))
        return self._to

    @property
    def top_via(self) -> Via:
        """The hop that sent this message; ProtocolError when absent or nonsense."""
        if self._via is None:
            self._via = Via.parse(_required(self.headers, "Via"))
        return self._via

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact; None when absent or `*`."""
        if self._contact is None:
            contacts = self.headers.get_all("Contact")
            if not contacts or contacts[0] == "*":
                return None
            self._contact = NameAddr.parse(contacts[0])
        return self._contact

    @property
    def expires(self) -> int | None:
        """Seconds; the Contact's own `expires` wins over the header (RFC 3261, 10.2.1.1)."""
        contact = self.contact
        text = contact.params.get("expires") if contact is not None else None
        if not text:
            text = self.headers.get("Expires")
        if not text:
            return None
        text = text.strip()
        if not text.isascii() or not text.isdigit() or len(text) > 20:
            raise ProtocolError("Expires is not a number of seconds")
        return min(int(text), HIGHEST_EXPIRES_S)

    @property
    def content_type(self) -> str:
        """Media type in lower case without parameters; "" when absent."""
        value = self.headers.get("Content-Type")
        return value.partition(";")[0].strip().lower() if value else ""

    @property
    @abstractmethod
    def start_line(self) -> str:
        """The first line as it goes out."""

    def to_bytes(self, via: str | None = None) -> bytes:
        """The message as it goes out; Content-Length always says the truth. With `via`, that is
        its only Via, and the first of its headers."""
        body = self.body
        lines = [self.start_line] if via is None else [self.start_line, f"Via: {via}"]
        for key, name, value in self.headers.keyed_items():
            if key != "content-length" and (via is None or key != "via"):
                lines.append(f"{name}: {value}")
        lines.append(f"Content-Length: {len(body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body

    @property
    def size(self) -> int:
        """How many bytes `to_bytes` has; costs less."""
        start = self.start_line
        size = len(f"{start}\r\nContent-Length: {len(self.body)}\r\n\r\n") + len(self.body)
        is_ascii = start.isascii()
        for key, name, value in self.headers.keyed_items():
            if key != "content-length":
                size += len(name) + len(value) + 4
                is_ascii = is_ascii and value.isascii() and name.isascii()
        return size if is_ascii else len(self.to_bytes())


class Request(Message):
    """A request. `method` is in the usual case; `literal_method` is as the peer wrote it.

    A digest is computed over the literal method first: some devices write `Register`.
    `received_bytes` is its length on the wire, 0 for a request made here; `findings` is what the
    parser noticed, nothing nearly always.
    """

    __slots__ = ("findings", "literal_method", "method", "received_bytes", "uri")

    def __init__(self, method: str, uri: str, headers: Headers, body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.method = usual_method(method)
        self.literal_method = method
        self.uri = uri
        self.received_bytes = 0
        self.findings = _NOTHING_FOUND

    @property
    def oddities(self) -> tuple[str, ...]:
        """What the parser put up with, by name; see `sip.oddities` for those that take a look."""
        return self.findings.oddities

    @property
    def start_line(self) -> str:
        return f"{self.literal_method} {self.uri} SIP/2.0"

    def note_source(self, source: Address) -> None:
        """Write into the top Via where the request came from (RFC 3261, 18.2.1; RFC 3581, 4).

        `response_to` copies it, so the peer learns its address as seen from here.
        """
        line = _required(self.headers, "Via")
        via = self.top_via
        shown = f"[{source.host}]" if ":" in source.host else source.host
        if "rport=" not in line and "received" not in line and "," not in line:
            if ";rport" in line:
                noted = line.replace(";rport", f";rport={source.port};received={shown}", 1)
            elif via.host != source.host:
                noted = f"{line};received={shown}"
            else:
                return
            self.headers.set_first("Via", noted)
            return
        # Claims of the peer's own are overwritten.
        params = {name: value for name, value in via.params.items() if name != "received"}
        if "rport" in params:
            params["rport"] = str(source.port)
        if "rport" in params or via.host != source.host:
            params["received"] = shown
        _, _, others = line.partition(",")
        amended = str(via._replace(params=params))
        self.headers.set_first("Via", f"{amended},{others}" if others else amended)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Request):
            return NotImplemented
        return (self.literal_method, self.uri, self.headers, self.body) == (
            other.literal_method,
            other.uri,
            other.headers,
            other.body,
        )

    __hash__ = None  # type: ignore[assignment]  # mutable, so not hashable

    def __repr__(self) -> str:
        return f"<Request {self.start_line}, {len(self.body)} bytes of body>"


class Response(Message):
    """A response; 1xx are provisional, all others final."""

    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: Headers, body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = reason

    @property
    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"

    @property
    def is_final(self) -> bool:
        """True when no further response follows."""
        return self.status >= 200

    @property
    def is_success(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Response):
            return NotImplemented
        return (self.status, self.reason, self.headers, self.body) == (
            other.status,
            other.reason,
            other.headers,
            other.body,
        )

    __hash__ = None  # type: ignore[assignment]  # mutable, so not hashable

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason}, {len(self.body)} bytes of body>"


def response_to(
    request: Request,
    status: int,
    *,
    reason: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
    to_tag: str | None = None,
) -> Response:
    """The response a server builds (RFC 3261, 8.2.6): Via, From, To, Call-ID, CSeq copied.

    Without `to_tag` the To stays as it is; the endpoint adds the tag it keeps for the transaction.
    """
    copied: list[tuple[str, str, str]] = []
    is_dialog_forming = request.method == "INVITE" and 100 < status < 300
    for field in request.headers.keyed_items():
        key = field[0]
        if key in _COPIED or (is_dialog_forming and key == "record-route"):
            copied.append(field)
    made = Headers.of_parsed(copied)
    if to_tag is not None:
        tag_to(made, to_tag)
    for name, value in headers:
        made.add(name, value)
    if content_type is not None:
        made.add("Content-Type", content_type)
    return Response(
        status, reason if reason is not None else REASONS.get(status, "Unknown"), made, body
    )


_COPIED = frozenset({"via", "from", "to", "call-id", "cseq"})


def tag_to(headers: Headers, tag: str) -> None:
    """Give To a tag unless it has one."""
    value = headers.get("To")
    if value is not None and not ("tag" in value and _TAG.search(value)):
        headers.set_first("To", f"{value};tag={tag}")


_TAG: Final = re.compile(r";\s*tag\s*=\s*[^;>\s][^>]*\Z")


def usual_method(method: str) -> str:
    """A known method in upper case; devices write `Register` and `Message`. Others unchanged."""
    if method in METHODS:
        return method
    upper = method.upper()
    return upper if upper in METHODS else method


def _required(headers: Headers, name: str) -> str:
    value = headers.get(name)
    if not value:
        raise ProtocolError(f"no {name}")
    return value
