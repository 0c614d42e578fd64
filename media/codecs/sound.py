"""What a piece of sound is when nobody said."""

from media.codecs import aac
from media.unit import Codec


def guess_sound(data: bytes) -> Codec | None:
    """ADTS has a sync word; G.711 has none, but comes in whole multiples of 5 ms."""
    if aac.is_adts(data):
        return Codec.AAC
    is_mpeg_audio = data[0] == 0xFF and len(data) > 1 and data[1] & 0xE0 == 0xE0
    return None if is_mpeg_audio or len(data) % 40 else Codec.PCMA
