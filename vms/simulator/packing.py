"""How a simulated camera's pictures and sound become RTP packets."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from media.ps.mux import PsMuxer
from media.rtp.packet import build, packetise
from media.rtp.payloads import payloads_of
from media.unit import PTS_HZ, Codec
from vms.gb28181.sdp import PS, Payload
from vms.simulator.footage import CodedPicture
from vms.simulator.sound import Tone
from vms.simulator.transport_stream import PACKET_BYTES, PACKETS_IN_RTP, TsMuxer

_STREAM_MAP = b"\x00\x00\x01\xbc"
_PRIVATE_PACKET = b"\x00\x00\x01\xbd\x00\x08\x80\x00\x00" + bytes(range(1, 6))
"""A PES packet of the private stream 1: no time stamp, five bytes nobody explains."""

_PAYLOAD_LIMIT = 1400
_PCMA_TYPE = 8
_PCMA_HZ = 8000


class Container(StrEnum):
    """What a camera puts into RTP."""

    PS = "ps"
    TS = "ts"
    """Under the payload type of program streams."""
    ES = "es"
    """Bare pictures by RFC 6184 or RFC 7798, G.711 beside them with an SSRC of its own."""


ELEMENTARY = {Codec.H264: Payload(98, "H264"), Codec.H265: Payload(99, "H265")}
"""The payload types of bare pictures, as platforms offer them."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a stream is packed: as the standard asks, or otherwise.

    `is_bare` sends the coded pictures themselves under the payload type of program streams.
    """

    has_psm: bool = True
    has_right_crc: bool = True
    has_private_stream: bool = False
    is_bare: bool = False
    container: Container = Container.PS

    def put_on(self, pack: bytes) -> bytes:
        """The pack with what is wrong about it."""
        if not self.has_right_crc:
            start = pack.find(_STREAM_MAP)
            if start >= 0:
                length = int.from_bytes(pack[start + 4 : start + 6], "big")
                crc_at = start + 6 + length - 4
                wrong = bytes(byte ^ 0xFF for byte in pack[crc_at : crc_at + 4])
                pack = pack[:crc_at] + wrong + pack[crc_at + 4 :]
        return pack + _PRIVATE_PACKET if self.has_private_stream else pack

    def payload(self, codec: Codec) -> Payload:
        """What the answer names."""
        return ELEMENTARY[codec] if self.container is Container.ES else Payload(PS, "PS")


class Packer(Protocol):
    """One stream being packed."""

    def packets(self, picture: CodedPicture, pts: int) -> Iterator[bytes]:
        """The RTP packets of a picture, and of the sound that is due before it."""
        ...


def packer_of(codec: Codec, tone: Tone | None, manners: Manners, ssrc: int) -> Packer:
    """Packs as `manners` say; AAC has no place beside bare pictures and is left out."""
    match manners.container:
        case Container.PS:
            audio = tone.codec if tone else None
            ps = PsMuxer(codec, audio, with_psm=manners.has_psm)
            return _Muxed(ps, tone, manners, ssrc, _PAYLOAD_LIMIT)
        case Container.TS:
            ts = TsMuxer(codec, tone.codec if tone else None)
            return _Muxed(ts, tone, manners, ssrc, PACKET_BYTES * PACKETS_IN_RTP)
        case Container.ES:
            return _Bare(codec, tone if tone and tone.codec is Codec.PCMA else None, ssrc)


class _Muxer(Protocol):
    def picture(self, data: bytes, pts: int, *, is_key: bool) -> bytes: ...
    def sound(self, data: bytes, pts: int) -> bytes: ...


class _Muxed:
    """A program or transport stream, cut anywhere, or between its packets."""

    def __init__(
        self, muxer: _Muxer, tone: Tone | None, manners: Manners, ssrc: int, limit_bytes: int
    ) -> None:
        self._muxer = muxer
        self._tone = tone
        self._manners = manners
        self._ssrc = ssrc
        self._limit_bytes = limit_bytes
        self._sequence = 0
        self._tones = 0

    def packets(self, picture: CodedPicture, pts: int) -> Iterator[bytes]:
        pack = picture.data if self._manners.is_bare else self._packed(picture, pts)
        for packet in packetise(
            pack,
            payload_type=PS,
            sequence=self._sequence,
            timestamp=pts,
            ssrc=self._ssrc,
            payload_limit=self._limit_bytes,
        ):
            self._sequence += 1
            yield packet

    def _packed(self, picture: CodedPicture, pts: int) -> bytes:
        pack = self._muxer.picture(picture.data, pts, is_key=picture.is_key)
        if self._tone is not None:
            for sound, sound_pts in self._tone.frames_before(pts, self._tones):
                pack += self._muxer.sound(sound, sound_pts)
                self._tones += 1
        is_program = self._manners.container is Container.PS
        return self._manners.put_on(pack) if is_program else pack


class _Bare:
    """Pictures by the RTP payload formats of their codecs, sound as a stream of its own."""

    def __init__(self, codec: Codec, tone: Tone | None, ssrc: int) -> None:
        self._codec = codec
        self._tone = tone
        self._ssrc = ssrc
        self._sequence = 0
        self._tones = 0

    def packets(self, picture: CodedPicture, pts: int) -> Iterator[bytes]:
        payloads = payloads_of(self._codec, picture.data, _PAYLOAD_LIMIT)
        for number, payload in enumerate(payloads, start=1):
            yield build(
                payload,
                payload_type=ELEMENTARY[self._codec].number,
                marker=number == len(payloads),
                sequence=self._sequence,
                timestamp=pts,
                ssrc=self._ssrc,
            )
            self._sequence += 1
        if self._tone is None:
            return
        for sound, sound_pts in self._tone.frames_before(pts, self._tones):
            yield build(
                sound,
                payload_type=_PCMA_TYPE,
                marker=False,
                sequence=self._tones,
                timestamp=sound_pts * _PCMA_HZ // PTS_HZ,
                ssrc=self._ssrc + 1,
            )
            self._tones += 1
