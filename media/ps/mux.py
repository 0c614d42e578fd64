"""Writes the program stream of GB/T 28181 (annex C; ISO 13818-1): one pack for each picture."""

import struct

from media.ps.stream_types import (
    AUDIO_STREAM,
    PACK,
    PROGRAM_STREAM_MAP,
    STREAM_TYPES,
    SYSTEM_HEADER,
    VIDEO_STREAM,
)
from media.unit import PTS_MODULUS, Codec

MUX_RATE = 6106
"""The rate every pack header announces, in units of 50 bytes/s: 2.4 Mbit/s. Receivers ignore it."""

PES_PAYLOAD_LIMIT = 65_535 - 3 - 5
"""What fits behind a PES header with a PTS; larger pictures take several PES packets."""

_START = b"\x00\x00\x01"


def crc32_mpeg(data: bytes) -> int:
    """CRC-32/MPEG-2: polynomial 04C11DB7, from all ones, not reflected."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def pack_header(scr: int) -> bytes:
    """A pack header at `scr` (90 kHz ticks, wrapped to 33 bits), without stuffing."""
    scr %= PTS_MODULUS
    bits = (
        0b01 << 46
        | (scr >> 30) << 43
        | 1 << 42
        | (scr >> 15 & 0x7FFF) << 27
        | 1 << 26
        | (scr & 0x7FFF) << 11
        | 1 << 10
        | 1
    )
    return (
        _START
        + bytes((PACK,))
        + bits.to_bytes(6, "big")
        + (MUX_RATE << 2 | 0b11).to_bytes(3, "big")
        + b"\xf8"
    )


def system_header(*, has_video: bool, has_audio: bool) -> bytes:
    """The system header; receivers skip it by its length."""
    streams = b""
    if has_video:
        streams += struct.pack(">BH", VIDEO_STREAM, 0b11 << 14 | 1 << 13 | 0x200)
    if has_audio:
        streams += struct.pack(">BH", AUDIO_STREAM, 0b11 << 14 | 0x20)
    body = (
        (1 << 23 | MUX_RATE << 1 | 1).to_bytes(3, "big")
        + bytes((has_audio << 2, 0b111 << 5 | has_video, 0x7F))
        + streams
    )
    return _START + bytes((SYSTEM_HEADER,)) + struct.pack(">H", len(body)) + body


def program_stream_map(video: Codec | None, audio: Codec | None) -> bytes:
    """The PSM that names the codec of stream E0 and of stream C0."""
    streams = b""
    if video is not None:
        streams += struct.pack(">BBH", STREAM_TYPES[video], VIDEO_STREAM, 0)
    if audio is not None:
        streams += struct.pack(">BBH", STREAM_TYPES[audio], AUDIO_STREAM, 0)
    body = b"\xe1\xff" + struct.pack(">HH", 0, len(streams)) + streams
    psm = _START + bytes((PROGRAM_STREAM_MAP,)) + struct.pack(">H", len(body) + 4) + body
    return psm + crc32_mpeg(psm).to_bytes(4, "big")


def pes(stream_id: int, data: bytes, pts: int | None) -> bytes:
    """One PES packet; `data` must fit (`PES_PAYLOAD_LIMIT`)."""
    if pts is None:
        header = b"\x80\x00\x00"
    else:
        pts %= PTS_MODULUS
        stamp = (
            0b0010 << 36
            | (pts >> 30) << 33
            | 1 << 32
            | (pts >> 15 & 0x7FFF) << 17
            | 1 << 16
            | (pts & 0x7FFF) << 1
            | 1
        )
        header = b"\x80\x80\x05" + stamp.to_bytes(5, "big")
    length = struct.pack(">H", len(header) + len(data))
    return _START + bytes((stream_id,)) + length + header + data


class PsMuxer:
    """One program stream: video as stream E0, sound as stream C0.

    `with_psm=False` leaves out system headers and maps, as some cameras do.
    """

    def __init__(
        self, video: Codec | None, audio: Codec | None = None, *, with_psm: bool = True
    ) -> None:
        if video is not None and not video.is_video:
            raise ValueError(f"{video} is not video")
        if audio is not None and (audio.is_video or audio not in STREAM_TYPES):
            raise ValueError(f"{audio} is not sound that a program stream carries")
        self._head = b""
        if with_psm:
            self._head = system_header(
                has_video=video is not None, has_audio=audio is not None
            ) + program_stream_map(video, audio)

    def picture(self, data: bytes, pts: int, *, is_key: bool) -> bytes:
        """The pack of one picture; `data` is Annex B, a key picture with its parameter sets.

        Key pictures are preceded by system header and PSM (annex C). Only the first PES packet of a
        picture carries the PTS.
        """
        parts = [pack_header(pts)]
        if is_key:
            parts.append(self._head)
        for start in range(0, len(data), PES_PAYLOAD_LIMIT):
            chunk = data[start : start + PES_PAYLOAD_LIMIT]
            parts.append(pes(VIDEO_STREAM, chunk, None if start else pts))
        return b"".join(parts)

    def sound(self, data: bytes, pts: int, *, in_pack: bool = False) -> bytes:
        """The PES packet of a piece of sound; `in_pack` gives it a pack header of its own.

        Without it the packet belongs behind a picture's pack. `data` must fit `PES_PAYLOAD_LIMIT`.
        """
        packet = pes(AUDIO_STREAM, data, pts)
        return pack_header(pts) + packet if in_pack else packet

    def sound_only_head(self, scr: int) -> bytes:
        """Pack header, system header and PSM, due at least once a second in a stream of sound."""
        return pack_header(scr) + self._head
