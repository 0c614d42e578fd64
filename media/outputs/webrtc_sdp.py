"""What we take up of a WHEP offer, and our answer (SDP, RFC 8866; WebRTC's use, RFC 8829). Pure.

We send only: one video in H.264 or H.265, one sound that is PCMA, PCMU or Opus, all on one
transport (BUNDLE, RFC 9143). We are ICE-lite (RFC 8445, 2.5) and the DTLS server
(`a=setup:passive`), which lets us choose the cipher. Which of the codings agreed on is sent the
stream decides, from picture to picture.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from media.codecs import annexb, h265
from media.codecs.bits import BitReader, rbsp
from media.errors import ProtocolError
from media.outputs.webrtc_offer import Offer, OfferedCodec, OfferedMedia, small_number
from media.unit import Codec

CONSTRAINED_BASELINE = "42e0"
"""What every browser decodes; the first four digits of H.264's profile-level-id."""

_AUDIO_NAMES = {("PCMA", 8000): Codec.PCMA, ("PCMU", 8000): Codec.PCMU, ("OPUS", 48000): Codec.OPUS}
_PROFILE = re.compile(r"[0-9a-f]{6}")
_UDP_PREFERENCE, _TCP_PREFERENCE = 126, 105
"""Of the kinds of candidates (RFC 8445, 5.1.2.2; RFC 6544, 4.2): TCP where UDP does not pass."""
_PASSIVE_PREFERENCE = 4


@dataclass(frozen=True, slots=True)
class H265Profile:
    """What an H.265 stream asks of its decoder (RFC 7798, 7.1); the default fits nearly all."""

    profile: int = 1
    tier: int = 0
    level: int = 0


@dataclass(frozen=True, slots=True)
class ChosenVideo:
    """How video goes to this viewer: in one of these codings, the preferred one first."""

    index: int
    codecs: Mapping[Codec, OfferedCodec]


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
    """Addresses with the port that takes UDP and TCP alike."""
    video_ssrc: int
    rtx_ssrc: int
    audio_ssrc: int
    stream_name: str


def read_h265_profile(picture: bytes) -> H265Profile | None:
    """Of the first sequence parameter set in `picture`; None without one that can be read."""
    for unit in annexb.iterate(picture):
        if len(unit) > 2 and h265.nal_type(unit) == h265.SPS:
            # Eight bits of ids, then profile_tier_level (H.265, 7.3.3) as far as the level.
            bits = BitReader(rbsp(unit[2:24]))
            try:
                bits.u(10)
                tier, profile = bits.u(1), bits.u(5)
                bits.u(80)
                return H265Profile(profile, tier, bits.u(8))
            except ProtocolError:
                return None
    return None


def choose(
    offer: Offer, *, h264_profile: str = "", h265_profile: H265Profile | None = None
) -> Choice:
    """Take up one video and one sound of `offer`.

    `h264_profile` is the stream's profile-level-id or "": the payload type whose profile is the
    stream's is preferred, then constrained baseline: browsers decode what comes, whatever the label
    says. H.265 is taken up when the stream's profile, or else a usual one, is within the offered.
    `ProtocolError` when nothing can be sent.
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
            codecs = dict(_choose_video(section, h264_profile, h265_profile or H265Profile()))
            if video is None and codecs:
                video = ChosenVideo(index, codecs)
        elif section.kind == "audio" and audio is None:
            audio = _choose_audio(index, section)
    if has_video and video is None:
        raise ProtocolError("offer without H.264 in packetization-mode=1 and without H.265")
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
            codecs = list(_with_retransmission(choice.video))
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


def build_fragment(mid: str, kind: str, local: LocalDescription) -> str:
    """Our answer to a restart (RFC 8840, 9; RFC 9725, 4.3): new credentials, the same addresses."""
    _, port = local.candidates[0]
    lines = [
        "a=ice-lite",
        f"m={kind} {port} UDP/TLS/RTP/SAVPF 0",
        *([f"a=mid:{mid}"] if mid else []),
        f"a=ice-ufrag:{local.ice_ufrag}",
        f"a=ice-pwd:{local.ice_pwd}",
        *_candidate_lines(local),
    ]
    return "\r\n".join(lines) + "\r\n"


def _choose_video(
    section: OfferedMedia, h264: str, profile: H265Profile
) -> Iterator[tuple[Codec, OfferedCodec]]:
    newer = _choose_h265(section, profile)
    if newer is not None:
        yield Codec.H265, newer
    older = _choose_h264(section, h264)
    if older is not None:
        yield Codec.H264, older


def _choose_h265(section: OfferedMedia, profile: H265Profile) -> OfferedCodec | None:
    """The offered one that decodes `profile`; what is not told is as RFC 7798, 7.1, has it."""

    def decodes(codec: OfferedCodec) -> bool:
        told = codec.parameters
        numbers = [
            small_number(told.get(name, default), 255)
            for name, default in (("profile-id", "1"), ("tier-flag", "0"), ("level-id", "93"))
        ]
        if None in numbers or told.get("tx-mode", "srst") != "srst":
            return False
        offered, tier, level = (number or 0 for number in numbers)
        # Main 10 decoders decode Main, those of the high tier the main tier (H.265, A.3 and A.4).
        return profile.profile <= offered <= 2 and profile.tier <= tier and profile.level <= level

    return next(
        (
            codec
            for codec in section.codecs.values()
            if codec.name == "H265" and codec.clock_hz == 90_000 and decodes(codec)
        ),
        None,
    )


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


def _with_retransmission(video: ChosenVideo) -> Iterator[int]:
    for codec in video.codecs.values():
        yield codec.payload_type
        if codec.rtx_payload_type is not None:
            yield codec.rtx_payload_type


def _video_lines(video: ChosenVideo, local: LocalDescription) -> list[str]:
    lines: list[str] = []
    has_rtx = False
    for codec in video.codecs.values():
        payload_type, rtx = codec.payload_type, codec.rtx_payload_type
        lines.append(f"a=rtpmap:{payload_type} {codec.name}/90000")
        lines += [
            f"a=rtcp-fb:{payload_type} {feedback}"
            for feedback in ("ccm fir", "nack", "nack pli")
            if feedback in codec.feedback
        ]
        if codec.parameter_text:
            lines.append(f"a=fmtp:{payload_type} {codec.parameter_text}")
        if rtx is not None:
            has_rtx = True
            lines += [f"a=rtpmap:{rtx} rtx/90000", f"a=fmtp:{rtx} apt={payload_type}"]
    if has_rtx:
        lines.append(f"a=ssrc-group:FID {local.video_ssrc} {local.rtx_ssrc}")
    lines.append(f"a=msid:{local.stream_name} video")
    lines.append(f"a=ssrc:{local.video_ssrc} cname:{local.stream_name}")
    if has_rtx:
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
        lines += _candidate_lines(local)
    return lines


def _candidate_lines(local: LocalDescription) -> list[str]:
    """Host candidates, the first address preferred (RFC 8445, 5.1.2; RFC 6544, 4.5)."""
    lines: list[str] = []
    for index, (host, port) in enumerate(local.candidates):
        priority = _UDP_PREFERENCE << 24 | 65_535 - index << 8 | 255
        lines.append(f"a=candidate:{index + 1} 1 udp {priority} {host} {port} typ host")
    for index, (host, port) in enumerate(local.candidates):
        preference = _PASSIVE_PREFERENCE << 13 | 8_191 - index
        priority = _TCP_PREFERENCE << 24 | preference << 8 | 255
        foundation = len(local.candidates) + index + 1
        lines.append(
            f"a=candidate:{foundation} 1 tcp {priority} {host} {port} typ host tcptype passive"
        )
    return [*lines, "a=end-of-candidates"]


def _refused(section: OfferedMedia) -> list[str]:
    lines = [f"m={section.kind} 0 {section.protocol} {section.formats}", "c=IN IP4 0.0.0.0"]
    lines.append("a=inactive")
    return [*lines, f"a=mid:{section.mid}"] if section.mid else lines


def _connection(host: str) -> str:
    return f"IN IP{ipaddress.ip_address(host).version} {host}"
