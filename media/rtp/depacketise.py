"""H.264 and H.265 directly in RTP (annex C.2; RFC 6184, RFC 7798)."""

from collections.abc import Callable, Sequence

from media.codecs import annexb
from media.codecs.frame import Frame
from media.unit import Codec

PICTURE_LIMIT_BYTES = 8 * 1024 * 1024

_STAP_A = 24
_FU_A = 28
_AP = 48
_FU = 49

OnPayload = Callable[[bytes], None]


class ElementaryDepacketiser:
    """RTP payloads of one elementary stream in, in order; pictures out.

    A picture ends with the marker or with another timestamp. Packets that cannot be are passed
    over and damage their picture.
    """

    unsupported: tuple[str, ...] = ()
    units: list[bytes]
    """Those of the picture under way that are whole."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.tolerated: dict[str, int] = {}
        self.units = []
        self._fragments: list[bytes] = []
        self._size = 0
        self._timestamp: int | None = None
        self._received_s = 0.0
        self._is_damaged = False
        self._read: OnPayload = self._read_h265 if codec is Codec.H265 else self._read_h264

    def feed(
        self, payload: bytes, timestamp: int, marker: bool, received_s: float
    ) -> Sequence[Frame]:
        """The pictures that are complete with this payload."""
        out: list[Frame] = []
        if timestamp != self._timestamp:
            out += self.flush()
            self._timestamp = timestamp
        self._received_s = received_s
        self._size += len(payload)
        if self._size > PICTURE_LIMIT_BYTES:
            self.units.clear()
            self._fragments.clear()
            self._size = 0
            self._damage("picture-too-large")
        elif len(payload) > 2:
            self._read(payload)
        else:
            self._damage("short-payload")
        if marker and not self._fragments:
            out += self.flush()
        return out

    def lose(self) -> Sequence[Frame]:
        """Packets are missing here."""
        self._fragments.clear()
        self._is_damaged = True
        return ()

    def flush(self) -> Sequence[Frame]:
        """The picture under way."""
        if self._fragments:
            self._fragments.clear()
            self._is_damaged = True
        units, self.units = self.units, []
        is_damaged, self._is_damaged = self._is_damaged, False
        self._size = 0
        if not units:
            return ()
        return (
            Frame(
                self.codec,
                None,
                self._timestamp or 0,
                annexb.join(units),
                self._received_s,
                is_damaged,
            ),
        )

    def _read_h264(self, payload: bytes) -> None:
        kind = payload[0] & 0x1F
        if kind == _FU_A:
            header = payload[0] & 0xE0 | payload[1] & 0x1F
            self._fragment(payload[1], bytes((header,)), payload[2:])
        elif kind == _STAP_A:
            self._aggregate(payload, 1)
        elif 0 < kind < _STAP_A:
            self.units.append(payload)
        else:
            self._damage("unknown-payload")

    def _read_h265(self, payload: bytes) -> None:
        kind = payload[0] >> 1 & 0x3F
        if kind == _FU:
            first = payload[0] & 0x81 | (payload[2] & 0x3F) << 1
            self._fragment(payload[2], bytes((first, payload[1])), payload[3:])
        elif kind == _AP:
            self._aggregate(payload, 2)
        elif kind < _AP:
            self.units.append(payload)
        else:
            self._damage("unknown-payload")

    def _fragment(self, flags: int, header: bytes, data: bytes) -> None:
        if flags & 0x80:
            if self._fragments:
                self._damage("fragment-without-end")
            self._fragments = [header, data]
        elif self._fragments:
            self._fragments.append(data)
        else:
            self._damage("fragment-without-beginning")
            return
        if flags & 0x40:
            self.units.append(b"".join(self._fragments))
            self._fragments = []

    def _aggregate(self, payload: bytes, at: int) -> None:
        while at + 2 < len(payload):
            following = at + 2 + (payload[at] << 8 | payload[at + 1])
            if following > len(payload):
                self._damage("bad-aggregate")
                return
            if following > at + 2:
                self.units.append(payload[at + 2 : following])
            at = following

    def _damage(self, name: str) -> None:
        self._is_damaged = True
        self.tolerated[name] = self.tolerated.get(name, 0) + 1


def first_units(codec: Codec, payload: bytes) -> list[bytes]:
    """The NAL units that are whole in this one payload.

    It is not searched for start codes: a piece of a program stream has them too.
    """
    depacketiser = ElementaryDepacketiser(codec)
    depacketiser.feed(payload, 0, False, 0.0)
    return depacketiser.units
