"""Header fields (RFC 3261, 7.3 and 20): their order and spelling kept, found in any spelling."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Self

from sip.errors import ProtocolError
from sip.uri import (
    SipUri,
    join_host_port,
    parse_params,
    quote,
    split_host_port,
    split_outside_quotes,
    unquote,
)

_COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}

# Only these may hold several values on one line; a comma elsewhere is part of the value.
_LISTS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "allow",
        "allow-events",
        "contact",
        "in-reply-to",
        "proxy-require",
        "record-route",
        "require",
        "route",
        "supported",
        "unsupported",
        "via",
        "warning",
    }
)

_USUAL = (
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Contact",
    "Max-Forwards",
    "User-Agent",
    "Server",
    "Expires",
    "Content-Type",
    "Content-Length",
    "Authorization",
    "WWW-Authenticate",
    "Date",
    "X-GB-Ver",
    "Subject",
    "Event",
    "Subscription-State",
    "Allow",
    "Supported",
    "Route",
    "Record-Route",
)

# Every usual spelling finds its key without a call; rare spellings take the slow road.
USUAL_KEYS: dict[str, str] = {
    spelling: name.lower() for name in _USUAL for spelling in (name, name.lower(), name.upper())
} | {spelling: key for letter, key in _COMPACT.items() for spelling in (letter, letter.upper())}


def header_key(name: str) -> str:
    """The name by which a header is found: lower case, compact forms written out."""
    key = USUAL_KEYS.get(name)
    if key is None:
        lower = name.strip().lower()
        key = _COMPACT.get(lower, lower)
    return key


class Headers:
    """An ordered list of fields; names compare without case, and `v` is `Via`."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: list[tuple[str, str, str]] = []
        for name, value in fields:
            self.add(name, value)

    @classmethod
    def of_parsed(cls, fields: list[tuple[str, str, str]]) -> Self:
        """Take over (key, name, value) triples that the parser has already cleaned."""
        headers = cls()
        headers._fields = fields
        return headers

    @classmethod
    def of_usual(cls, fields: list[tuple[str, str]]) -> Self:
        """As `Headers(fields)`, of fields that bear our own usual names: their values are looked
        at together."""
        values = "".join([value for _, value in fields])
        if "\n" in values or "\r" in values:
            return cls(fields)  # says which
        return cls.of_parsed([(USUAL_KEYS[name], name, value) for name, value in fields])

    def get(self, name: str) -> str | None:
        """The first field of that name as its line has it, commas and all."""
        key = USUAL_KEYS.get(name) or header_key(name)
        for field in self._fields:
            if field[0] == key:
                return field[2]
        return None

    def get_all(self, name: str) -> list[str]:
        """Every value of that name in order; comma-joined lists are taken apart."""
        key = header_key(name)
        values = [value for found, _, value in self._fields if found == key]
        if key not in _LISTS or not any("," in value for value in values):
            return values
        pieces = [piece.strip() for value in values for piece in split_outside_quotes(value, ",")]
        return [piece for piece in pieces if piece]

    def lines(self, name: str) -> list[str]:
        """Every value of that name, one per header line, lists left whole."""
        key = header_key(name)
        return [value for found, _, value in self._fields if found == key]

    def set(self, name: str, value: str) -> None:
        """Replace the first field of that name in its place and drop the others; else append."""
        key = header_key(name)
        field = (key, _checked(name, value), value)
        for index, (found, _, _) in enumerate(self._fields):
            if found == key:
                rest = [other for other in self._fields[index + 1 :] if other[0] != key]
                self._fields[index:] = [field, *rest]
                return
        self._fields.append(field)

    def set_first(self, name: str, value: str) -> None:
        """Replace only the first field of that name; later ones stay as they are."""
        key = USUAL_KEYS.get(name) or header_key(name)
        for index, (found, spelling, _) in enumerate(self._fields):
            if found == key:
                self._fields[index] = (key, _checked(spelling, value), value)
                return
        self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Append a field. A line break in it is our own mistake: ValueError."""
        self._fields.append((header_key(name), _checked(name, value), value))

    def add_first(self, name: str, value: str) -> None:
        """Put a field before all others, as a Via is."""
        self._fields.insert(0, (header_key(name), _checked(name, value), value))

    def remove(self, name: str) -> None:
        """Drop every field of that name; dropping none is fine."""
        key = header_key(name)
        self._fields = [field for field in self._fields if field[0] != key]

    def items(self) -> Iterator[tuple[str, str]]:
        """(name as spelled, value) in order, one per line."""
        return ((name, value) for _, name, value in self._fields)

    def keyed_items(self) -> list[tuple[str, str, str]]:
        """(key, name as spelled, value): what the serialiser walks over. Not to be changed."""
        return self._fields

    def copy(self) -> "Headers":
        """An independent copy."""
        return Headers.of_parsed(self._fields.copy())

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return [(key, value) for key, _, value in self._fields] == [
            (key, value) for key, _, value in other.keyed_items()
        ]

    __hash__ = None  # type: ignore[assignment]  # mutable, so not hashable

    def __repr__(self) -> str:
        return f"Headers({list(self.items())!r})"


def _checked(name: str, value: str) -> str:
    if "\n" in value or "\r" in value or "\n" in name or "\r" in name or ":" in name:
        raise ValueError(f"header {name!r} would break the message")
    return name


class NameAddr(NamedTuple):
    """`"display" <uri>;params` of From, To, Contact, Route (RFC 3261, 20.10)."""

    display: str
    uri: SipUri
    params: Mapping[str, str | None]

    @classmethod
    def parse(cls, text: str) -> Self:
        """With or without `<>`; without, everything after `;` belongs to the header."""
        text = text.strip()
        opening = _find_outside_quotes(text, "<")
        if opening < 0:
            bare, _, params = text.partition(";")
            return cls("", SipUri.parse(bare), parse_params(params))
        closing = text.find(">", opening)
        if closing < 0:
            raise ProtocolError("address without its closing bracket")
        uri = SipUri.parse(text[opening + 1 : closing])
        display = text[:opening].strip()
        _, _, params = text[closing + 1 :].partition(";")
        return cls(unquote(display) if display else "", uri, parse_params(params))

    @property
    def tag(self) -> str:
        """The tag that names one end of a dialog; "" when absent."""
        return self.params.get("tag") or ""

    def __str__(self) -> str:
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{_params_text(self.params)}"


def _find_outside_quotes(text: str, character: str) -> int:
    if '"' not in text:
        return text.find(character)
    position = 0
    is_quoted = False
    while position < len(text):
        here = text[position]
        if is_quoted and here == "\\":
            position += 1
        elif here == '"':
            is_quoted = not is_quoted
        elif here == character and not is_quoted:
            return position
        position += 1
    # An unbalanced quote in the display name hides the address; the address matters more.
    return text.find(character) if is_quoted else -1


def _params_text(params: Mapping[str, str | None]) -> str:
    return "".join(
        f";{name}" if value is None else f";{name}={_token_or_quoted(value)}"
        for name, value in params.items()
    )


_NEEDS_QUOTES = frozenset(' \t";,<>\\=?()@/')


def _token_or_quoted(value: str) -> str:
    return quote(value) if not value or not _NEEDS_QUOTES.isdisjoint(value) else value


class Via(NamedTuple):
    """One hop of a request's way (RFC 3261, 20.42; `rport` from RFC 3581)."""

    transport: str
    host: str
    port: int | None
    params: Mapping[str, str | None]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The first hop of a Via line; blanks around the slashes are tolerated."""
        if "," in text:
            text = split_outside_quotes(text, ",")[0]
        if text.startswith(("SIP/2.0/UDP ", "SIP/2.0/TCP ")):
            return cls._of_hop(text[8:11], text[12:])
        protocol, slash, rest = text.strip().partition("/")
        version, slash_again, rest = rest.partition("/")
        words = rest.strip().split(None, 1)
        if not slash or not slash_again or len(words) != 2:
            raise ProtocolError("Via is not protocol/version/transport sent-by")
        if protocol.strip().upper() != "SIP" or version.strip() != "2.0":
            raise ProtocolError("Via of another protocol")
        return cls._of_hop(words[0].upper(), words[1])

    @classmethod
    def _of_hop(cls, transport: str, hop: str) -> Self:
        where, _, params = hop.partition(";")
        host, port = split_host_port(where.strip())
        return cls(transport, host, port, parse_params(params))

    @property
    def branch(self) -> str:
        """The transaction's name; "" when absent."""
        return self.params.get("branch") or ""

    @property
    def sent_by(self) -> str:
        """`host:port` as the sender wrote it."""
        return join_host_port(self.host, self.port)

    def __str__(self) -> str:
        return f"SIP/2.0/{self.transport} {self.sent_by}{_params_text(self.params)}"


HIGHEST_CSEQ = 2**32 - 1
"""RFC 3261 asks senders to stay below 2**31; up to 32 bits can be answered without harm."""


class CSeq(NamedTuple):
    """Number and method of a request within its call (RFC 3261, 20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`20 MESSAGE`; ProtocolError when the number is none or does not fit in 32 bits."""
        number, _, method = text.strip().partition(" ")
        method = method.strip()
        if not method or not number.isascii() or not number.isdigit() or len(number) > 10:
            raise ProtocolError("CSeq is not a number and a method")
        value = int(number)
        if value > HIGHEST_CSEQ:
            raise ProtocolError("CSeq out of range")
        return cls(value, method)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
