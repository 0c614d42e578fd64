"""What comes out of a container or a payload format, before it has its place in time."""

from dataclasses import dataclass

from media.unit import Codec


@dataclass(slots=True)
class Frame:
    """The bytes of one picture or one piece of sound, as the sender cut them.

    `pts` is the sender's 33-bit 90 kHz clock, None where it gave none; `timestamp` is the RTP
    timestamp of the packet the frame began in, `received_s` monotonic seconds at its last packet.
    `has_own_clock`: sound beside the container, whose timestamps count its own samples.
    """

    codec: Codec
    pts: int | None
    timestamp: int
    data: bytes
    received_s: float
    is_damaged: bool = False
    has_own_clock: bool = False
