"""The hot leaf of ingest: what a faster make must do to take its place, and nothing more.

`tests/media/conformance` holds any implementation to it; `media.unpacker.Unpacker` is the one here.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from media.codecs.frame import Frame
from media.rtp.reception import ReceptionReport
from media.rtp.sniff import Container

Packet = bytes | memoryview
"""A packet's bytes. A view is good only during the call it is passed in: keep a copy."""


class PacketLeaf(Protocol):
    """RTP packets of one sender in, as they arrive; frames out: order, loss, container.

    `now` is monotonic seconds at arrival and becomes the frames' `received_s`. Frames come in the
    order of decoding; sound in packets of its own comes with `has_own_clock`. Nothing a device
    sends raises, except that `take` raises `ProtocolError` for what is no RTP packet.
    """

    def take(self, data: bytes, now: float) -> Sequence[Frame]:
        """One packet; the frames that are complete with it."""
        ...

    def take_run(
        self, packets: Sequence[Packet], at: int, now: float
    ) -> tuple[int, Sequence[Frame]]:
        """Packets from `at` on, as many as go on with what is under way: where it stopped, frames.

        It stops, at once perhaps, at any packet that needs a closer look: at the latest at one that
        does not bear the SSRC of the last packet `take` was given. Who calls looks at that one, and
        gives it to `take` if it is the sender's. The frames are those that `take` would have given.
        """
        ...

    def tick(self, now: float) -> Sequence[Frame]:
        """Lets time pass: packets awaited too long are given up."""
        ...

    def flush(self) -> Sequence[Frame]:
        """All that waits and is under way; the next packet may have any number."""
        ...

    def begin_anew(self) -> Sequence[Frame]:
        """Another sender follows: like `flush`, and its container is to be recognised again."""
        ...

    def report(self) -> ReceptionReport:
        """The figures of a receiver report; the next one's fraction counts from here."""
        ...

    @property
    def container(self) -> Container | None:
        """What the payloads were recognised as last."""
        ...

    @property
    def payload_type(self) -> int | None:
        """The RTP payload type that carries it."""
        ...

    @property
    def packets(self) -> int:
        """Packets taken, repeated ones too."""
        ...

    @property
    def payload_bytes(self) -> int:
        """Payload bytes taken."""
        ...

    @property
    def lost(self) -> int:
        """Packets that never came."""
        ...

    @property
    def reordered(self) -> int:
        """Packets that came after one of a higher number."""
        ...

    @property
    def duplicates(self) -> int:
        """Packets that came again."""
        ...

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter (RFC 3550, 6.4.1)."""
        ...

    @property
    def tolerated(self) -> Mapping[str, int]:
        """What was put up with, by name."""
        ...

    @property
    def unsupported(self) -> tuple[str, ...]:
        """What the device announces and nobody here understands."""
        ...
