"""Session descriptions of calls with devices (GB/T 28181-2022 annex G): SDP with `y=` and `f=`.

`y=` and `f=` are no lines of RFC 4566, and devices bend the rest too, so this is a reader of its
own: it takes what it needs and names what it forgave.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from vms.gb28181.errors import ProtocolError
from vms.gb28181.ssrc import Ssrc, ten_digits

CONTENT_TYPE = "application/sdp"
MAX_SDP_BYTES = 16_384
MAX_SSRC = 0xFFFF_FFFF

PS = 96
"""The payload type every peer offers and answers for the program stream."""

LIVE = "Play"


class Transport(StrEnum):
    """How RTP travels; over TCP it is framed by RFC 4571."""

    UDP = "udp"
    TCP = "tcp"


class Setup(StrEnum):
    """`a=setup` of RFC 4145: who connects. It describes the author of the SDP it stands in."""

    ACTIVE = "active"
    PASSIVE = "passive"


class Direction(StrEnum):
    """Which way the author of the SDP sends."""

    RECEIVE_ONLY = "recvonly"
    SEND_ONLY = "sendonly"
    BOTH = "sendrecv"


class StreamSelector(StrEnum):
    """The attribute by which an offer asks for a stream other than the main one."""

    NONE = "none"
    STREAM_NUMBER = "streamnumber"
    """Of the 2022 edition."""
    STREAM_PROFILE = "streamprofile"
    STREAM_MODE = "streamMode"
    """In words: MAIN or SUB."""
    STREAM = "stream"


class Tolerance(StrEnum):
    """What an SDP had wrong and was read all the same."""

    UNDECODABLE_TEXT = "sdp_undecodable_text"
    TRAILING_NUL = "sdp_trailing_nul"
    LINE_ENDS = "sdp_line_ends"
    """Lines end in LF or CR alone."""
    RUN_TOGETHER = "sdp_run_together"
    """Two attributes on one line: `a=rtpmap:96 PS/90000a=rtpmap:98 H264/90000`."""
    NO_ADDRESS = "sdp_no_address"
    """No `c=`; the address of `o=` stands in."""
    NO_SSRC = "sdp_no_ssrc"
    """No `y=`: the offered SSRC holds."""
    SSRC = "sdp_ssrc"
    """`y=` is no number of 32 bits."""
    SSRC_DIGITS = "sdp_ssrc_digits"
    """`y=` has fewer or more than ten digits; compared as a number."""
    NO_SETUP = "sdp_no_setup"
    """TCP without `a=setup`: the roles of the offer hold."""
    SEVERAL_MEDIA = "sdp_several_media"
    """More than one `m=`; the first video one counts."""
    PRIVATE_PAYLOAD = "sdp_private_payload"
    """A maker's own payload name for PS, such as HIKVISION or DAHUA."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One payload type: its number, the name `a=rtpmap` gives it and what `a=fmtp` adds, if any."""

    number: int
    name: str = ""
    clock_hz: int = 90_000
    parameters: str = ""


OFFERED = (Payload(PS, "PS"), Payload(98, "H264"), Payload(97, "MPEG4"), Payload(99, "H265"))
"""What we offer: PS first, which practically every device answers, then bare elementary streams."""

OFFERED_WIDELY = (
    Payload(PS, "PS"),
    Payload(126, "H264", parameters="profile-level-id=42e01e"),
    Payload(125, "H264S"),
    Payload(99, "H265"),
    Payload(34),
    Payload(98, "H264"),
    Payload(97, "MPEG4"),
)
"""The same with numbers of private use, without which some older devices refuse."""

_MODES = ("MAIN", "SUB")


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """An offer or an answer. `host` and `port` are where its author receives or sends from.

    Over TCP a port of 0 or 9 is usual for the side that connects. `setup` is None for UDP and
    where TCP came without it. `media_parameters` is the text of `f=`; `stream_number` asks for a
    stream (0 main, 1 sub) in the way of `stream_selector`.
    """

    owner_id: str
    host: str
    port: int
    transport: Transport = Transport.UDP
    setup: Setup | None = None
    ssrc: Ssrc | None = None
    session_name: str = LIVE
    direction: Direction | None = None
    payloads: tuple[Payload, ...] = (Payload(PS, "PS"),)
    stream_number: int | None = None
    stream_selector: StreamSelector = StreamSelector.STREAM_NUMBER
    media_parameters: str = ""
    tolerances: tuple[Tolerance, ...] = ()

    @property
    def payload_types(self) -> tuple[int, ...]:
        """The payload types in order of preference."""
        return tuple(payload.number for payload in self.payloads)


def live_offer(
    *,
    platform_id: str,
    host: str,
    port: int,
    ssrc: Ssrc,
    setup: Setup | None = None,
    stream_number: int | None = None,
    stream_selector: StreamSelector = StreamSelector.STREAM_NUMBER,
    payloads: tuple[Payload, ...] = OFFERED,
) -> bytes:
    """The SDP of a live INVITE (9.2 and annex G): RTP is wanted at `host`:`port`.

    With `setup` over TCP, where passive means that the device connects to us, and active that we
    connect to it (then `port` is the discard port, 9); without over UDP.
    """
    return encode(
        SessionDescription(
            owner_id=platform_id,
            host=host,
            port=port,
            transport=Transport.UDP if setup is None else Transport.TCP,
            setup=setup,
            ssrc=ssrc,
            direction=Direction.RECEIVE_ONLY,
            payloads=payloads,
            stream_number=stream_number,
            stream_selector=stream_selector,
        )
    )


def answer_to(
    offer: SessionDescription,
    *,
    device_id: str,
    host: str,
    port: int,
    ssrc: Ssrc | None = None,
    payload: Payload = Payload(PS, "PS"),
) -> bytes:
    """A device's answer: `payload` by the offer's transport, in the complementary role.

    The SSRC is the offer's unless the device has one of its own.
    """
    setup = None
    if offer.transport is Transport.TCP:
        setup = Setup.PASSIVE if offer.setup is Setup.ACTIVE else Setup.ACTIVE
    return encode(
        SessionDescription(
            owner_id=device_id,
            host=host,
            port=port,
            transport=offer.transport,
            setup=setup,
            ssrc=offer.ssrc if ssrc is None else ssrc,
            session_name=offer.session_name,
            direction=Direction.SEND_ONLY,
            payloads=(payload,),
        )
    )


def encode(description: SessionDescription) -> bytes:
    """The lines in the standard's order, `y=` and `f=` last."""
    family = "IP6" if ":" in description.host else "IP4"
    protocol = "RTP/AVP" if description.transport is Transport.UDP else "TCP/RTP/AVP"
    numbers = " ".join(str(number) for number in description.payload_types)
    lines = [
        "v=0",
        f"o={description.owner_id} 0 0 IN {family} {description.host}",
        f"s={description.session_name}",
        f"c=IN {family} {description.host}",
        "t=0 0",
        f"m=video {description.port} {protocol} {numbers}",
    ]
    if description.direction is not None:
        lines.append(f"a={description.direction}")
    lines += [
        f"a=rtpmap:{payload.number} {payload.name}/{payload.clock_hz}"
        for payload in description.payloads
        if payload.name
    ]
    lines += [
        f"a=fmtp:{payload.number} {payload.parameters}"
        for payload in description.payloads
        if payload.parameters
    ]
    if description.setup is not None:
        lines += [f"a=setup:{description.setup}", "a=connection:new"]
    lines += _stream_attribute(description)
    if description.ssrc is not None:
        lines.append(f"y={ten_digits(description.ssrc)}")
    if description.media_parameters:
        lines.append(f"f={description.media_parameters}")
    return ("\r\n".join(lines) + "\r\n").encode("gb18030")


def _stream_attribute(description: SessionDescription) -> list[str]:
    selector, number = description.stream_selector, description.stream_number
    if number is None or selector is StreamSelector.NONE:
        return []
    if selector is StreamSelector.STREAM_MODE:
        return [f"a={selector}:{_MODES[min(number, 1)]}"]
    return [f"a={selector}:{number}"]


def parse_offer(body: bytes) -> SessionDescription:
    """What a platform wants; raises `ProtocolError` where it names no address and port."""
    offer = _Reading(body).description()
    if not offer.host or (offer.port == 0 and offer.setup is not Setup.ACTIVE):
        raise ProtocolError("an SDP offer without an address to send to")
    return offer


def parse_answer(body: bytes) -> SessionDescription:
    """What a device agreed to; raises `ProtocolError` where it has no media line.

    `host` may be empty and `port` 0: then media comes from wherever it comes.
    """
    return _Reading(body).description()


_MEDIA = re.compile(
    r"([A-Za-z]{1,16})\s+([0-9]{1,5})(?:/[0-9]{1,5})?\s+([A-Za-z/]{3,24})((?:\s+[0-9]{1,3})*)\s*\Z"
)
_RTPMAP = re.compile(r"rtpmap:\s*([0-9]{1,3})\s+([A-Za-z0-9._-]{1,32})(?:/([0-9]{1,6}))?")
_RUN_TOGETHER = re.compile(
    r"(?<=[A-Za-z0-9])a=(?=rtpmap:|fmtp:|setup:|connection:|(?:send|recv)only)"
)
_ADDRESS = re.compile(r"IN\s+IP[46]\s+([0-9A-Za-z.:_-]{1,255})")
_PRIVATE_NAMES = frozenset({"HIKVISION", "DAHUA"})
_MAX_LINES = 256


class _Reading:
    """One SDP being read."""

    def __init__(self, body: bytes) -> None:
        self._notes: set[Tolerance] = set()
        self._session: dict[str, str] = {}
        self._media: list[_Media] = []
        for kind, value in self._lines(body):
            self._take(kind, value)

    def description(self) -> SessionDescription:
        media = self._chosen_media()
        transport = Transport.TCP if media.protocol.upper().startswith("TCP") else Transport.UDP
        setup = media.setup if transport is Transport.TCP else None
        if transport is Transport.TCP and setup is None:
            self._notes.add(Tolerance.NO_SETUP)
        return SessionDescription(
            owner_id=self._session.get("o", "").partition(" ")[0],
            host=self._host(media),
            port=media.port,
            transport=transport,
            setup=setup,
            ssrc=self._ssrc(),
            session_name=self._session.get("s", ""),
            direction=media.direction,
            payloads=tuple(self._payload(media, number) for number in media.numbers),
            stream_number=media.stream_number,
            stream_selector=media.stream_selector,
            media_parameters=self._session.get("f", ""),
            tolerances=tuple(sorted(self._notes)),
        )

    def _lines(self, body: bytes) -> list[tuple[str, str]]:
        if len(body) > MAX_SDP_BYTES:
            raise ProtocolError(f"an SDP of {len(body)} bytes")
        stripped = body.rstrip(b"\0")
        if stripped != body:
            self._notes.add(Tolerance.TRAILING_NUL)
        try:
            text = stripped.decode("utf-8")
        except UnicodeDecodeError:
            text = stripped.decode("gb18030", errors="replace")
            if "\ufffd" in text:
                self._notes.add(Tolerance.UNDECODABLE_TEXT)
        normal = text.replace("\r\n", "\n")
        if "\r" in normal or normal.count("\n") != text.count("\r\n"):
            self._notes.add(Tolerance.LINE_ENDS)
        lines: list[tuple[str, str]] = []
        for line in normal.replace("\r", "\n").split("\n")[:_MAX_LINES]:
            separated = _RUN_TOGETHER.sub("\na=", line)
            if separated != line:
                self._notes.add(Tolerance.RUN_TOGETHER)
            for part in separated.split("\n"):
                kind, equals, value = part.partition("=")
                if equals and len(kind.strip()) == 1:
                    lines.append((kind.strip().lower(), value.strip()))
        return lines

    def _take(self, kind: str, value: str) -> None:
        match kind:
            case "m":
                self._media.append(_Media.parse(value))
            case "a" if self._media:
                self._media[-1].take_attribute(value)
            case "c" if self._media:
                self._media[-1].connection = value
            case _:
                self._session.setdefault(kind, value)

    def _chosen_media(self) -> "_Media":
        if not self._media:
            raise ProtocolError("an SDP without a media line")
        if len(self._media) > 1:
            self._notes.add(Tolerance.SEVERAL_MEDIA)
        videos = [media for media in self._media if media.kind == "video"]
        return (videos or self._media)[0]

    def _host(self, media: "_Media") -> str:
        matched = _ADDRESS.search(media.connection or self._session.get("c", ""))
        if matched is None:
            self._notes.add(Tolerance.NO_ADDRESS)
            matched = _ADDRESS.search(self._session.get("o", ""))
        return matched[1] if matched else ""

    def _ssrc(self) -> Ssrc | None:
        digits = self._session.get("y", "")
        if not digits:
            self._notes.add(Tolerance.NO_SSRC)
            return None
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 20:
            self._notes.add(Tolerance.SSRC)
            return None
        if len(digits) != 10:
            self._notes.add(Tolerance.SSRC_DIGITS)
        if int(digits) > MAX_SSRC:
            self._notes.add(Tolerance.SSRC)
            return None
        return Ssrc(int(digits))

    def _payload(self, media: "_Media", number: int) -> Payload:
        name, clock_hz = media.names.get(number, ("", 90_000))
        if name.upper() in _PRIVATE_NAMES:
            self._notes.add(Tolerance.PRIVATE_PAYLOAD)
        return Payload(number, name, clock_hz)


class _Media:
    """One `m=` block."""

    def __init__(self, kind: str, port: int, protocol: str, numbers: tuple[int, ...]) -> None:
        self.kind = kind
        self.port = port
        self.protocol = protocol
        self.numbers = numbers
        self.connection = ""
        self.names: dict[int, tuple[str, int]] = {}
        self.setup: Setup | None = None
        self.direction: Direction | None = None
        self.stream_number: int | None = None
        self.stream_selector = StreamSelector.STREAM_NUMBER

    @classmethod
    def parse(cls, value: str) -> "_Media":
        matched = _MEDIA.match(value)
        if matched is None:
            raise ProtocolError(f"not a media line: {value[:80]!r}")
        port = int(matched[2])
        if port > 65_535:
            raise ProtocolError(f"not a port: {port}")
        numbers = dict.fromkeys(int(number) for number in matched[4].split())
        return cls(matched[1].lower(), port, matched[3], tuple(numbers))

    def take_attribute(self, value: str) -> None:
        name, _, argument = value.partition(":")
        argument = argument.strip()
        match name:
            case "rtpmap":
                matched = _RTPMAP.match(value)
                if matched:
                    self.names[int(matched[1])] = (matched[2], int(matched[3] or 90_000))
            case "setup" if argument in ("active", "passive"):
                self.setup = Setup(argument)
            case "sendonly" | "recvonly" | "sendrecv":
                self.direction = Direction(name)
            case "streamnumber" | "streamprofile" | "stream" if argument[:4].isdecimal():
                self.stream_number = int(argument[:4])
                self.stream_selector = StreamSelector(name)
            case "streamMode" if argument.upper() in _MODES:
                self.stream_number = _MODES.index(argument.upper())
                self.stream_selector = StreamSelector.STREAM_MODE
            case _:
                pass
