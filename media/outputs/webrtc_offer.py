"""A viewer's WHEP offer and what it trickles, read (SDP, RFC 8866; in WebRTC, RFC 8829). Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from media.errors import ProtocolError

OFFER_LIMIT_CHARS = 65_536
FRAGMENT_LIMIT_CHARS = 16_384
MEDIA_LIMIT = 16
CODEC_LIMIT = 128

_STATIC_CODECS = {0: ("PCMU", 8000), 8: ("PCMA", 8000)}
_TOKEN = re.compile(r"[!-~]{1,256}")
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PWD = re.compile(r"[A-Za-z0-9+/]{22,256}")


@dataclass(slots=True)
class IceCredentials:
    """A side's user name fragment and password; empty where none was told."""

    ufrag: str = ""
    pwd: str = ""


@dataclass(slots=True)
class OfferedCodec:
    """One payload type of an offered medium."""

    payload_type: int
    name: str
    clock_hz: int
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    parameter_text: str = ""
    feedback: list[str] = field(default_factory=list[str])
    rtx_payload_type: int | None = None
    """The payload type of RFC 4588 retransmissions of this one, when offered."""


@dataclass(slots=True)
class OfferedMedia:
    """One `m=` section of an offer, as far as we need it."""

    kind: str
    protocol: str
    formats: str
    mid: str = ""
    is_live: bool = True
    """Neither rejected (port 0 outside a bundle) nor unwilling to receive."""
    has_rtcp_mux: bool = False
    has_rtcp_rsize: bool = False
    codecs: dict[int, OfferedCodec] = field(default_factory=dict[int, OfferedCodec])


@dataclass(slots=True)
class Offer:
    """A parsed offer. `fingerprints` are (hash name, value) of the viewer's certificate.

    `will_do_with_keys`: by our own attribute `a=x-key-pictures` a viewer says that key pictures are
    better than nothing where its coding cannot be made of all. `ice` is the viewer's half of the
    credentials, which only tells a restart from a trickle: we check nobody (ICE-lite).
    """

    media: list[OfferedMedia] = field(default_factory=list[OfferedMedia])
    bundle: set[str] = field(default_factory=set[str])
    fingerprints: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    will_do_with_keys: bool = False
    ice: IceCredentials = field(default_factory=IceCredentials)


def parse_offer(text: str) -> Offer:
    """Read an offer. `ProtocolError` when it is no SDP, or one whose transport we cannot serve."""
    if len(text) > OFFER_LIMIT_CHARS:
        raise ProtocolError(f"offer of {len(text)} characters, more than {OFFER_LIMIT_CHARS}")
    lines = [line.strip() for line in text.splitlines()]
    if not lines or lines[0] != "v=0":
        raise ProtocolError("offer does not begin with v=0")
    offer = Offer()
    for line in lines:
        if line.startswith("m="):
            if len(offer.media) >= MEDIA_LIMIT:
                raise ProtocolError(f"offer with more than {MEDIA_LIMIT} media")
            offer.media.append(_parse_media_line(line[2:]))
        elif line.startswith("a="):
            name, _, detail = line[2:].partition(":")
            _parse_attribute(offer, name, detail)
    if not offer.fingerprints:
        raise ProtocolError("offer without a=fingerprint")
    for section in offer.media:
        _join_retransmissions(section)
    return offer


def parse_fragment(text: str) -> IceCredentials:
    """The credentials in a trickle or a restart (RFC 8840, 9); its candidates are read over.

    A viewer whose sections are bundled has one pair. `ProtocolError` when there is none, or when it
    is no fragment.
    """
    if len(text) > FRAGMENT_LIMIT_CHARS:
        raise ProtocolError(f"fragment of {len(text)} characters, more than {FRAGMENT_LIMIT_CHARS}")
    found = IceCredentials()
    for line in filter(None, map(str.strip, text.splitlines())):
        if len(line) < 2 or line[1] != "=":
            raise ProtocolError(f"no line of SDP: {line[:80]!r}")
        name, _, value = line[2:].partition(":")
        if line.startswith("a=") and name == "ice-ufrag":
            found.ufrag = found.ufrag or value
        elif line.startswith("a=") and name == "ice-pwd":
            found.pwd = found.pwd or value
    if not (_UFRAG.fullmatch(found.ufrag) and _PWD.fullmatch(found.pwd)):
        raise ProtocolError("fragment without a=ice-ufrag and a=ice-pwd")
    return found


def _parse_media_line(value: str) -> OfferedMedia:
    fields = value.split(" ", 3)
    if len(fields) != 4 or not all(_TOKEN.fullmatch(part) for part in fields[:3]):
        raise ProtocolError(f"media line {value[:80]!r}")
    section = OfferedMedia(fields[0], fields[2], fields[3])
    if "SAVPF" not in section.protocol:
        section.is_live = False
    for text in fields[3].split()[:CODEC_LIMIT]:
        payload_type = small_number(text, 127)
        if payload_type is not None:
            name, clock_hz = _STATIC_CODECS.get(payload_type, ("", 0))
            section.codecs[payload_type] = OfferedCodec(payload_type, name, clock_hz)
    return section


def _parse_attribute(offer: Offer, name: str, detail: str) -> None:
    match name, detail.split():
        case "fingerprint", [algorithm, value]:
            fingerprint = (algorithm.lower(), value)
            if fingerprint not in offer.fingerprints and len(offer.fingerprints) < MEDIA_LIMIT:
                offer.fingerprints.append(fingerprint)
        case "x-key-pictures", []:
            offer.will_do_with_keys = True
        case "ice-ufrag", [value]:
            offer.ice.ufrag = offer.ice.ufrag or value
        case "ice-pwd", [value]:
            offer.ice.pwd = offer.ice.pwd or value
        case "group", ["BUNDLE", *mids]:
            offer.bundle.update(mids)
        case "setup", ["passive"]:
            raise ProtocolError("offer insists on being the DTLS server")
        case _:
            if offer.media:
                _parse_media_attribute(offer.media[-1], name, detail)


def _parse_media_attribute(section: OfferedMedia, name: str, detail: str) -> None:
    match name:
        case "mid":
            if not _TOKEN.fullmatch(detail):
                raise ProtocolError(f"mid {detail[:80]!r}")
            section.mid = detail
        case "sendonly" | "inactive":
            section.is_live = False
        case "rtcp-mux":
            section.has_rtcp_mux = True
        case "rtcp-rsize":
            section.has_rtcp_rsize = True
        case "rtpmap" | "fmtp" | "rtcp-fb":
            payload_text, _, value = detail.partition(" ")
            _parse_codec_attribute(section, name, payload_text, value)
        case _:
            pass


def _parse_codec_attribute(section: OfferedMedia, name: str, payload_text: str, value: str) -> None:
    payload_type = small_number(payload_text, 127)
    codecs = list(section.codecs.values())
    if payload_text != "*":
        codecs = [section.codecs[payload_type]] if payload_type in section.codecs else []
    for codec in codecs:
        if name == "rtpmap":
            encoding, _, rate = value.partition("/")
            codec.name = encoding.upper()
            codec.clock_hz = small_number(rate.partition("/")[0], 1_000_000) or 0
        elif name == "fmtp":
            codec.parameter_text = value
            pairs = (part.strip().partition("=") for part in value.split(";"))
            codec.parameters = {key.lower(): text.lower() for key, _, text in pairs}
        elif len(codec.feedback) < CODEC_LIMIT:
            codec.feedback.append(value)


def _join_retransmissions(section: OfferedMedia) -> None:
    for codec in section.codecs.values():
        if codec.name == "RTX":
            original = small_number(codec.parameters.get("apt", ""), 127)
            if original in section.codecs:
                section.codecs[original].rtx_payload_type = codec.payload_type


def small_number(text: str, limit: int) -> int | None:
    """The decimal number `text` is, if it is one and not above `limit`."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return None
    number = int(text)
    return number if number <= limit else None
