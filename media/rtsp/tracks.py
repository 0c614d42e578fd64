"""A stream's tracks as RTSP names, describes and packs them, the same for all viewers. Pure.

Pictures by RFC 6184 and RFC 7798, G.711 by RFC 3551, AAC by RFC 3640 (AAC-hbr).
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from media.codecs import aac, annexb, h264, h265
from media.errors import ProtocolError
from media.outputs.configs import audio_config
from media.outputs.webrtc_packets import SampleClock, Timeline, rtp_header
from media.rtp.payloads import payloads_of
from media.unit import PTS_HZ, AccessUnit, AudioFormat, Codec

PAYLOAD_LIMIT_BYTES = 1_388
"""With RTP, UDP and IPv6 headers it fits an Ethernet frame, and some tunnels."""

VIDEO_TRACK, AUDIO_TRACK = "trackID=0", "trackID=1"

_VIDEO_PAYLOAD_TYPE = 96
_AUDIO_PAYLOAD_TYPES = {Codec.PCMU: 0, Codec.PCMA: 8, Codec.AAC: 97}
_AU_HEADERS_BITS = 16
_LARGEST_AU_BYTES = (1 << 13) - 1
_SETS_NAMES = {h265.VPS: "sprop-vps", h265.SPS: "sprop-sps", h265.PPS: "sprop-pps"}


@dataclass(slots=True)
class Packets:
    """RTP packets of one unit of `track`; `timestamp` as sent, `ticks` its moment at 90 kHz."""

    track: str
    packets: list[bytes]
    octets: int
    timestamp: int
    ticks: int


class Track:
    """One of them: its numbers go on for as long as the stream lasts.

    `sequence` is that of the next packet, and does not wrap; `base` is what timestamps begin with.
    """

    def __init__(
        self, name: str, codec: Codec, names: tuple[int, int], sequence: int, base: int
    ) -> None:
        self.name = name
        self.codec = codec
        self.ssrc, self.cname = names
        self.sequence: int = sequence
        self.payload_type = _VIDEO_PAYLOAD_TYPE if codec.is_video else _AUDIO_PAYLOAD_TYPES[codec]
        self._base = base

    def _numbered(
        self, payloads: list[bytes], sequence: int, stamp: tuple[int, int], *, marker: bool
    ) -> Packets:
        """Payloads as packets from `sequence` on; `stamp`: on the track's clock, and at 90 kHz."""
        last = len(payloads) - 1
        timestamp = stamp[0] + self._base
        packets = [
            rtp_header(
                self.payload_type, marker and index == last, sequence + index, timestamp, self.ssrc
            )
            + payload
            for index, payload in enumerate(payloads)
        ]
        return Packets(self.name, packets, sum(map(len, payloads)), timestamp, stamp[1])


class VideoTrack(Track):
    """Pictures, at 90 kHz; `time` is what sound is placed by."""

    def __init__(
        self, codec: Codec, sets: bytes, names: tuple[int, int], sequence: int, base: int
    ) -> None:
        super().__init__(VIDEO_TRACK, codec, names, sequence, base)
        self.time = Timeline()
        self.last_ticks: int | None = None
        self._sets = sets

    def learn(self, sets: bytes) -> None:
        """The parameter sets of the last key picture: what the next viewer is told."""
        self._sets = sets or self._sets

    def place(self, unit: AccessUnit) -> int:
        """The moment of a picture; every picture passes here, sent or not."""
        self.last_ticks = self.time.place(unit.pts, unit.received_s)
        return self.last_ticks

    def packets(self, unit: AccessUnit, ticks: int) -> Packets:
        """The next picture."""
        payloads = payloads_of(unit.codec, unit.data, PAYLOAD_LIMIT_BYTES)
        packets = self.numbered(payloads, self.sequence, ticks)
        self.sequence += len(payloads)
        return packets

    def numbered(self, payloads: list[bytes], sequence: int, ticks: int) -> Packets:
        """A picture that was cut, as packets from `sequence` on."""
        return self._numbered(payloads, sequence, (ticks, ticks), marker=True)

    def description(self) -> list[str]:
        """Its lines of SDP. `ProtocolError` without parameter sets."""
        kind, form = (
            ("H265", self._h265_form()) if self.codec is Codec.H265 else ("H264", self._h264_form())
        )
        number = self.payload_type
        return [
            f"m=video 0 RTP/AVP {number}",
            f"a=rtpmap:{number} {kind}/{PTS_HZ}",
            f"a=fmtp:{number} {form}",
            f"a=control:{self.name}",
        ]

    def _h264_form(self) -> str:
        units = annexb.nal_units(self._sets)
        sets = [unit for unit in units if h264.nal_type(unit) in {h264.SPS, h264.PPS}]
        sps = next((unit for unit in sets if h264.nal_type(unit) == h264.SPS), b"")
        if len(sps) < 4:
            raise ProtocolError("no-parameter-set")
        text = ",".join(map(_base64, sets))
        return (
            f"packetization-mode=1;profile-level-id={sps[1:4].hex().upper()}"
            f";sprop-parameter-sets={text}"
        )

    def _h265_form(self) -> str:
        units = annexb.nal_units(self._sets)
        parts = [
            f"{name}={','.join(map(_base64, sets))}"
            for kind, name in _SETS_NAMES.items()
            if (sets := [unit for unit in units if h265.nal_type(unit) == kind])
        ]
        if len(parts) < len(_SETS_NAMES):
            raise ProtocolError("no-parameter-set")
        return ";".join(parts)


class AudioTrack(Track):
    """Sound, on the clock of its samples."""

    def __init__(
        self, known: AudioFormat, names: tuple[int, int], sequence: int, base: int
    ) -> None:
        super().__init__(AUDIO_TRACK, known.codec, names, sequence, base)
        self.known = known
        self._time = Timeline()
        self._clock = SampleClock(known.sample_rate_hz)

    def packets(self, unit: AccessUnit, like: Timeline | None) -> list[Packets]:
        """The next piece of sound; `like`: the clock of the pictures. `ProtocolError`: no AAC."""
        ticks = self._time.place(unit.pts, unit.received_s, like)
        if self.codec is Codec.AAC:
            frames = [_aac_payloads(frame) for frame in _raw_frames(unit.data)]
            size = aac.SAMPLES_PER_FRAME
            time, _ = self._clock.place(ticks, size * len(frames))
            return [
                self._sound(payloads, time + number * size)
                for number, payloads in enumerate(frames)
            ]
        time, _ = self._clock.place(ticks, len(unit.data))
        return [
            self._sound([unit.data[start : start + PAYLOAD_LIMIT_BYTES]], time + start)
            for start in range(0, len(unit.data), PAYLOAD_LIMIT_BYTES)
        ]

    def description(self) -> list[str]:
        """Its lines of SDP. `ProtocolError` for AAC of an odd rate."""
        number, known = self.payload_type, self.known
        if self.codec is not Codec.AAC:
            name = self.codec.upper()
            form: list[str] = []
        else:
            name = "mpeg4-generic"
            config = audio_config(known).record.hex().upper()
            told = f"streamtype=5;profile-level-id=1;mode=AAC-hbr;config={config}"
            form = [f"a=fmtp:{number} {told};sizelength=13;indexlength=3;indexdeltalength=3"]
        channels = f"/{known.channels}" if known.channels > 1 or form else ""
        return [
            f"m=audio 0 RTP/AVP {number}",
            f"a=rtpmap:{number} {name}/{known.sample_rate_hz}{channels}",
            *form,
            f"a=control:{self.name}",
        ]

    def _sound(self, payloads: list[bytes], time: int) -> Packets:
        # RFC 3551 marks only the beginning of speech, RFC 3640 the end of each frame.
        is_aac = self.codec is Codec.AAC
        stamp = (time, time * PTS_HZ // self.known.sample_rate_hz)
        packets = self._numbered(payloads, self.sequence, stamp, marker=is_aac)
        self.sequence += len(payloads)
        return packets


def describe(tracks: Iterable[VideoTrack | AudioTrack], session: int, address: str) -> bytes:
    """The SDP of a stream (RFC 4566; RFC 2326, appendix C)."""
    family = "IP6" if ":" in address else "IP4"
    lines = [
        "v=0",
        f"o=- {session} 1 IN {family} {address}",
        "s=-",
        f"c=IN {family} {'::' if family == 'IP6' else '0.0.0.0'}",  # noqa: S104  "as you ask" in SDP
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        *(line for track in tracks for line in track.description()),
    ]
    return "\r\n".join((*lines, "")).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _raw_frames(data: bytes) -> Iterable[bytes]:
    """The access units in ADTS frames; a last one that is cut short is left out."""
    at = 0
    while at < len(data):
        header = aac.parse_header(data[at : at + 9])
        if at + header.length > len(data):
            return
        yield data[at + header.header_length : at + header.length]
        at += header.length


def _aac_payloads(frame: bytes) -> list[bytes]:
    """One access unit behind its header; a large one is cut, each piece with the size of all."""
    if len(frame) > _LARGEST_AU_BYTES:
        raise ProtocolError("overlong-aac")
    head = _AU_HEADERS_BITS.to_bytes(2) + (len(frame) << 3).to_bytes(2)
    room = PAYLOAD_LIMIT_BYTES - len(head)
    return [head + frame[start : start + room] for start in range(0, len(frame), room)]
