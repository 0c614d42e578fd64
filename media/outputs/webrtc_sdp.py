"""A viewer's WHEP offer and our answer (SDP, RFC 8866; WebRTC's use of it, RFC 8829). Pure.

We send only: one H.264 video, one sound that is PCMA, PCMU or Opus, all on one transport (BUNDLE,
RFC 9143). We are ICE-lite (RFC 8445, 2.5) and the DTLS server (`a=setup:passive`), which lets us
choose the cipher.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from media.errors import ProtocolError
from media.unit import Codec

OFFER_LIMIT_CHARS = 65_536
MEDIA_LIMIT = 16
CODEC_LIMIT = 128

CONSTRAINED_BASELINE = "42e0"
"""What every browser decodes; the first four digits of H.264's profile-level-id."""

_AUDIO_NAMES = {("PCMA", 8000): Codec.PCMA, ("PCMU", 8000): Codec.PCMU, ("OPUS", 48000): Codec.OPUS}
_STATIC_CODECS = {0: ("PCMU", 8000), 8: ("PCMA", 8000)}
_TOKEN = re.compile(r"[!-~]{1,256}")
_PROFILE = re.compile(r"[0-9a-f]{6}")


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
    """A parsed offer. `fingerprints` are (hash name, value) of the viewer's certificate."""

    media: list[OfferedMedia] = field(default_factory=list[OfferedMedia])
    bundle: set[str] = field(default_factory=set[str])
    fingerprints: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


@dataclass(frozen=True, slots=True)
class ChosenVideo:
    """How video goes to this viewer."""

    index: int
    codec: OfferedCodec

    @property
    def has_nack(self) -> bool:
        """The viewer will ask for lost packets (RFC 4585 generic NACK)."""
        return "nack" in self.codec.feedback


@dataclass(frozen=True, slots=True)
class ChosenAudio:
    """The payload types by which sound may go; which is used, the stream decides."""

    index: int
    payload_types: Mapping[Codec, int]
    codecs: tuple[OfferedCodec, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What of an offer is taken up."""

    video: ChosenVideo | None
    audio: ChosenAudio | None


@dataclass(frozen=True, slots=True)
class LocalDescription:
    """Our side of one viewer's transport and the names of its two RTP streams."""

    session_id: int
    ice_ufrag: str
    ice_pwd: str
    fingerprint: str
    """SHA-256 of our certificate, pairs of hex digits between colons."""
    candidates: Sequence[tuple[str, int]]
    video_ssrc: int
    rtx_ssrc: int
    audio_ssrc: int
    stream_name: str


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


def choose(offer: Offer, profile: str) -> Choice:
    """Take up one video and one sound of `offer`; `profile` is the stream's profile-level-id or "".

    The payload type whose profile is the stream's is preferred, then constrained baseline: browsers
    decode what comes, whatever the label says. `ProtocolError` when nothing can be sent.
    """
    video: ChosenVideo | None = None
    audio: ChosenAudio | None = None
    has_video = False
    for index, section in enumerate(offer.media):
        if not section.is_live or not section.has_rtcp_mux:
            continue
        if (video or audio) and section.mid not in offer.bundle:
            continue
        if section.kind == "video":
            has_video = True
            codec = _choose_h264(section, profile)
            if video is None and codec is not None:
                video = ChosenVideo(index, codec)
        elif section.kind == "audio" and audio is None:
            audio = _choose_audio(index, section)
    if has_video and video is None:
        raise ProtocolError("offer without H.264 in packetization-mode=1")
    if video is None and audio is None:
        raise ProtocolError("offer has no medium that we could send to")
    return Choice(video, audio)


def build_answer(offer: Offer, choice: Choice, local: LocalDescription) -> str:
    """The answer to `offer`: the sections of `choice` sendonly, every other one refused."""
    taken = {section.index for section in (choice.video, choice.audio) if section is not None}
    bundle = [offer.media[index].mid for index in sorted(taken)]
    lines = [
        "v=0",
        f"o=- {local.session_id} 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        *([f"a=group:BUNDLE {' '.join(bundle)}"] if all(bundle) else []),
        "a=msid-semantic: WMS *",
    ]
    first = min(taken)
    for index, section in enumerate(offer.media):
        if choice.video is not None and index == choice.video.index:
            codecs = _with_retransmission(choice.video.codec)
            body = _video_lines(choice.video, local)
        elif choice.audio is not None and index == choice.audio.index:
            codecs = [codec.payload_type for codec in choice.audio.codecs]
            body = _audio_lines(choice.audio, local)
        else:
            lines += _refused(section)
            continue
        formats = " ".join(map(str, codecs))
        host, port = local.candidates[0]
        lines += [f"m={section.kind} {port} {section.protocol} {formats}", f"c={_connection(host)}"]
        lines += _transport_lines(section, local, with_candidates=index == first)
        lines += body
    return "\r\n".join(lines) + "\r\n"


def _parse_media_line(value: str) -> OfferedMedia:
    fields = value.split(" ", 3)
    if len(fields) != 4 or not all(_TOKEN.fullmatch(part) for part in fields[:3]):
        raise ProtocolError(f"media line {value[:80]!r}")
    section = OfferedMedia(fields[0], fields[2], fields[3])
    if "SAVPF" not in section.protocol:
        section.is_live = False
    for text in fields[3].split()[:CODEC_LIMIT]:
        payload_type = _small_number(text, 127)
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
    payload_type = _small_number(payload_text, 127)
    codecs = list(section.codecs.values())
    if payload_text != "*":
        codecs = [section.codecs[payload_type]] if payload_type in section.codecs else []
    for codec in codecs:
        if name == "rtpmap":
            encoding, _, rate = value.partition("/")
            codec.name = encoding.upper()
            codec.clock_hz = _small_number(rate.partition("/")[0], 1_000_000) or 0
        elif name == "fmtp":
            codec.parameter_text = value
            pairs = (part.strip().partition("=") for part in value.split(";"))
            codec.parameters = {key.lower(): text.lower() for key, _, text in pairs}
        elif len(codec.feedback) < CODEC_LIMIT:
            codec.feedback.append(value)


def _join_retransmissions(section: OfferedMedia) -> None:
    for codec in section.codecs.values():
        if codec.name == "RTX":
            original = _small_number(codec.parameters.get("apt", ""), 127)
            if original in section.codecs:
                section.codecs[original].rtx_payload_type = codec.payload_type


def _small_number(text: str, limit: int) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return None
    number = int(text)
    return number if number <= limit else None


def _choose_h264(section: OfferedMedia, profile: str) -> OfferedCodec | None:
    offered = [
        codec
        for codec in section.codecs.values()
        if codec.name == "H264" and codec.parameters.get("packetization-mode") == "1"
    ]

    def rank(codec: OfferedCodec) -> int:
        label = codec.parameters.get("profile-level-id", "42000a")
        if not _PROFILE.fullmatch(label):
            return 4
        if profile and label[:4] == profile[:4].lower():
            return 0
        if profile and label[:2] == profile[:2].lower():
            return 1
        return 2 if label[:4] == CONSTRAINED_BASELINE else 3

    return min(offered, key=rank, default=None)


def _choose_audio(index: int, section: OfferedMedia) -> ChosenAudio | None:
    payload_types: dict[Codec, int] = {}
    codecs: list[OfferedCodec] = []
    for codec in section.codecs.values():
        known = _AUDIO_NAMES.get((codec.name, codec.clock_hz))
        if known is not None and known not in payload_types:
            payload_types[known] = codec.payload_type
            codecs.append(codec)
    return ChosenAudio(index, payload_types, tuple(codecs)) if codecs else None


def _with_retransmission(codec: OfferedCodec) -> list[int]:
    rtx = codec.rtx_payload_type
    return [codec.payload_type] if rtx is None else [codec.payload_type, rtx]


def _video_lines(video: ChosenVideo, local: LocalDescription) -> list[str]:
    codec = video.codec
    payload_type, rtx = codec.payload_type, codec.rtx_payload_type
    lines = [f"a=rtpmap:{payload_type} H264/90000"]
    lines += [
        f"a=rtcp-fb:{payload_type} {feedback}"
        for feedback in ("ccm fir", "nack", "nack pli")
        if feedback in codec.feedback
    ]
    lines.append(f"a=fmtp:{payload_type} {codec.parameter_text}")
    if rtx is not None:
        lines += [
            f"a=rtpmap:{rtx} rtx/90000",
            f"a=fmtp:{rtx} apt={payload_type}",
            f"a=ssrc-group:FID {local.video_ssrc} {local.rtx_ssrc}",
        ]
    lines.append(f"a=msid:{local.stream_name} video")
    lines.append(f"a=ssrc:{local.video_ssrc} cname:{local.stream_name}")
    if rtx is not None:
        lines.append(f"a=ssrc:{local.rtx_ssrc} cname:{local.stream_name}")
    return lines


def _audio_lines(audio: ChosenAudio, local: LocalDescription) -> list[str]:
    lines: list[str] = []
    for codec in audio.codecs:
        channels = "/2" if codec.name == "OPUS" else ""
        lines.append(
            f"a=rtpmap:{codec.payload_type} {codec.name.lower() if channels else codec.name}"
            f"/{codec.clock_hz}{channels}"
        )
    lines.append(f"a=msid:{local.stream_name} audio")
    lines.append(f"a=ssrc:{local.audio_ssrc} cname:{local.stream_name}")
    return lines


def _transport_lines(
    section: OfferedMedia, local: LocalDescription, *, with_candidates: bool
) -> list[str]:
    lines = [f"a=mid:{section.mid}"] if section.mid else []
    lines += [
        f"a=ice-ufrag:{local.ice_ufrag}",
        f"a=ice-pwd:{local.ice_pwd}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        "a=setup:passive",
        "a=sendonly",
        "a=rtcp-mux",
    ]
    if section.has_rtcp_rsize:
        lines.append("a=rtcp-rsize")
    if with_candidates:
        for index, (host, port) in enumerate(local.candidates):
            # RFC 8445, 5.1.2: host candidates, the first address preferred; component 1.
            priority = (126 << 24) | ((65_535 - index) << 8) | 255
            lines.append(f"a=candidate:{index + 1} 1 udp {priority} {host} {port} typ host")
        lines.append("a=end-of-candidates")
    return lines


def _refused(section: OfferedMedia) -> list[str]:
    lines = [f"m={section.kind} 0 {section.protocol} {section.formats}", "c=IN IP4 0.0.0.0"]
    lines.append("a=inactive")
    return [*lines, f"a=mid:{section.mid}"] if section.mid else lines


def _connection(host: str) -> str:
    return f"IN IP{ipaddress.ip_address(host).version} {host}"
