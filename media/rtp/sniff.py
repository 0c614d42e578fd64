"""What a payload is, by its bytes: payload types say 96 and mean many things (annex C)."""

from enum import StrEnum

from media.codecs import h264, h265
from media.ps.stream_types import PACK
from media.rtp.depacketise import first_units
from media.unit import Codec

_START = b"\x00\x00\x01"
_TS_SYNC = 0x47
_TS_PACKET = 188
_TS_PAYLOAD_TYPE = 33


class Container(StrEnum):
    """What a stream's payloads were recognised as; the value is what the API shows."""

    PS = "ps"
    TS = "ts"
    H264 = "h264"
    H265 = "h265"


def container_of(payload: bytes, payload_type: int | None = None) -> Container | None:
    """The container of a payload that shows it; None for one from the middle of something.

    A pack header shows a program stream, two packet lengths a transport stream (or one in the
    payload type that RFC 3551 gives it, 33), readable parameter
    sets an elementary stream.
    """
    if payload.startswith(_START) and len(payload) > 3 and payload[3] >= PACK:
        return Container.PS
    if (
        (len(payload) >= 2 * _TS_PACKET or payload_type == _TS_PAYLOAD_TYPE)
        and payload
        and len(payload) % _TS_PACKET == 0
        and all(payload[at] == _TS_SYNC for at in range(0, len(payload), _TS_PACKET))
    ):
        return Container.TS
    if any(h265.looks_like_parameter_set(unit) for unit in first_units(Codec.H265, payload)):
        return Container.H265
    if any(h264.looks_like_sps(unit) for unit in first_units(Codec.H264, payload)):
        return Container.H264
    return None
