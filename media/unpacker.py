"""Packets of one sender into frames, in Python: `media.leaves.PacketLeaf`."""

import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from media.codecs.frame import Frame
from media.codecs.g711 import PAYLOAD_TYPES, UNHEARD_PAYLOAD_TYPES
from media.leaves import Packet
from media.ps.demux import PsDemuxer
from media.rtp.depacketise import ElementaryDepacketiser
from media.rtp.packet import HEADER_LENGTH, RtpPacket, parse
from media.rtp.reception import Reception, ReceptionReport
from media.rtp.reorder import ReorderBuffer
from media.rtp.sequence import sequence_distance
from media.rtp.sniff import Container, container_of
from media.ts.demux import TsDemuxer
from media.unit import Codec

_head_of = struct.Struct(">HHII").unpack_from
_PS_PAYLOAD_TYPE = 96
_SEPARATE_SEQUENCE = 100
_PACK = b"\x00\x00\x01\xba"
_SOUND = frozenset({*PAYLOAD_TYPES, *UNHEARD_PAYLOAD_TYPES})
_BARE = 0x80
"""Version 2, no padding, no extension, no contributing sources."""

_NO_MARKER = 0xFF7F

Depacketiser = PsDemuxer | TsDemuxer | ElementaryDepacketiser
Feed = Callable[[bytes, int, bool, float], Sequence[Frame]]


class Unpacker:
    """`may_disorder`: datagrams; a connection keeps order, and loses nothing but whole packets.

    Most packets are just the next ones: for those `take_run` does the least there is, and what else
    counts them is told of the whole run later (`_settle`).
    """

    def __init__(self, *, may_disorder: bool) -> None:
        self.container: Container | None = None
        self.payload_type: int | None = None
        self._reception = Reception()
        self._reorder = ReorderBuffer() if may_disorder else None
        self._depacketiser: Depacketiser | None = None
        self._feed: Feed = _feed_nothing
        self._tolerated: Counter[str] = Counter()
        self._unheard: dict[str, None] = {}
        self._next: int | None = None
        self._bytes = 0
        self._sound_packets = 0
        self._run = 0
        self._run_next: int | None = None
        self._run_begins = 0
        self._run_timestamp = 0
        self._run_ssrc = 0
        self._is_one_stream = False

    @property
    def packets(self) -> int:
        """Packets taken, repeated ones too."""
        return self._reception.packets + self._run + self._sound_packets

    @property
    def payload_bytes(self) -> int:
        """Payload bytes taken."""
        return self._bytes

    @property
    def lost(self) -> int:
        """Packets that never came."""
        self._settle()
        return self._reception.lost

    @property
    def reordered(self) -> int:
        """Packets that came after one of a higher number."""
        return self._reception.reordered

    @property
    def duplicates(self) -> int:
        """Packets that came again."""
        self._settle()
        return self._reception.duplicates

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter (RFC 3550, 6.4.1)."""
        return self._reception.jitter_ms

    @property
    def tolerated(self) -> Mapping[str, int]:
        """What was put up with, by name."""
        of_stream = {} if self._depacketiser is None else self._depacketiser.tolerated
        return self._tolerated + Counter(of_stream)

    @property
    def unsupported(self) -> tuple[str, ...]:
        """What the device announces and nobody here understands."""
        of_stream = () if self._depacketiser is None else self._depacketiser.unsupported
        return (*of_stream, *self._unheard)

    def take(self, data: bytes, now: float) -> Sequence[Frame]:
        """One packet; the frames that are complete with it."""
        packet = parse(data, now)
        self._settle()
        self._bytes += len(packet.payload)
        if packet.payload_type in _SOUND and self._is_separate_sound(packet):
            self._sound_packets += 1
            return self._sound(packet)
        self._reception.received(packet)
        reorder = self._reorder
        frames = self._in_order((packet,) if reorder is None else reorder.push(packet, now))
        if packet.payload_type == self.payload_type:
            self._run_timestamp = packet.timestamp
            self._run_ssrc = packet.ssrc
            self._open_run()
        return frames

    def take_run(
        self, packets: Sequence[Packet], at: int, now: float
    ) -> tuple[int, Sequence[Frame]]:
        """The next packets in step; those of one picture are fed at once where it is but bytes."""
        awaited = self._run_next
        if awaited is None:
            return at, ()
        begins, timestamp, ssrc = self._run_begins, self._run_timestamp, self._run_ssrc
        frames: list[Frame] = []
        payloads: list[Packet] = []
        taken = 0
        try:
            for data in packets[at:] if at else packets:
                first, sequence, its_timestamp, its_ssrc = _head_of(data)
                if sequence != awaited or its_ssrc != ssrc or first & _NO_MARKER != begins:
                    break
                if its_timestamp != timestamp:
                    if not self._is_one_stream:
                        break
                    if payloads:
                        frames += self._feed_run(payloads, timestamp, False, now)
                        payloads = []
                    self._run_timestamp = timestamp = its_timestamp
                    self._reception.begin_picture(timestamp, now)
                payloads.append(data[HEADER_LENGTH:])
                awaited = (sequence + 1) & 0xFFFF
                taken += 1
                if first != begins:
                    frames += self._feed_run(payloads, timestamp, True, now)
                    payloads = []
        except struct.error:
            # Too short for a header: another's to refuse.
            pass
        if payloads:
            frames += self._feed_run(payloads, timestamp, False, now)
        self._run_next = awaited
        self._run += taken
        return at + taken, frames

    def tick(self, now: float) -> Sequence[Frame]:
        """Lets time pass: packets awaited too long are given up."""
        reorder = self._reorder
        if reorder is None or reorder.deadline is None or now < reorder.deadline:
            return ()
        self._settle()
        frames = self._in_order(reorder.tick(now))
        self._open_run()
        return frames

    def flush(self) -> Sequence[Frame]:
        """All that waits and is under way; the next packet may have any number."""
        self._settle()
        frames: list[Frame] = []
        if self._reorder is not None:
            frames += self._in_order(self._reorder.flush())
            self._next = None
        if self._depacketiser is not None:
            frames += self._depacketiser.flush()
        return frames

    def begin_anew(self) -> Sequence[Frame]:
        """Another sender follows: like `flush`, and its container is to be recognised again."""
        frames = self.flush()
        self._reception.forget_sequence()
        if self._depacketiser is not None:
            self._tolerated.update(self._depacketiser.tolerated)
        self._depacketiser = None
        self.payload_type = None
        self._next = None
        return frames

    def report(self) -> ReceptionReport:
        """The figures of a receiver report; the next one's fraction counts from here."""
        self._settle()
        report = self._reception.report()
        self._open_run()
        return report

    def _feed_run(
        self, payloads: list[Packet], timestamp: int, marker: bool, now: float
    ) -> Sequence[Frame]:
        """Payloads of one picture; where only their bytes count, as one."""
        if self._is_one_stream:
            data = b"".join(payloads)
            self._bytes += len(data)
            return self._feed(data, timestamp, marker, now)
        frames: list[Frame] = []
        last = len(payloads) - 1
        for number, payload in enumerate(payloads):
            self._bytes += len(payload)
            frames += self._feed(bytes(payload), timestamp, marker and number == last, now)
        return frames

    def _open_run(self) -> None:
        """From here on the next packet of this picture needs no ceremony."""
        reorder, awaited = self._reorder, self._next
        if self.payload_type is None or awaited is None:
            return
        if self._depacketiser is not None:
            self._feed = self._depacketiser.feed
            self._is_one_stream = self.container is Container.PS
        is_in_step = self._reception.highest_sequence == (awaited - 1) & 0xFFFF
        if is_in_step and (reorder is None or reorder.deadline is None):
            self._run_next = awaited
            self._run_begins = _BARE << 8 | self.payload_type

    def _settle(self) -> None:
        """Tell those who count of the run of packets that has ended."""
        run, self._run = self._run, 0
        self._run_next = None
        if run:
            self._reception.advance(run)
            if self._next is not None:
                self._next = (self._next + run) & 0xFFFF
            if self._reorder is not None:
                self._reorder.advance(run)
        if self._reorder is not None:
            self._reception.duplicates = self._reorder.duplicates

    def _is_separate_sound(self, packet: RtpPacket) -> bool:
        """Sound with the pictures' SSRC and a sequence of its own, which no RFC allows."""
        return (
            packet.payload_type != self.payload_type
            and self._next is not None
            and abs(sequence_distance(self._next, packet.sequence)) > _SEPARATE_SEQUENCE
        )

    def _in_order(self, packets: Sequence[RtpPacket]) -> Sequence[Frame]:
        frames: list[Frame] = []
        for packet in packets:
            sequence = packet.sequence
            if sequence != self._next and self._is_gap(sequence) and self._depacketiser is not None:
                frames += self._depacketiser.lose()
            self._next = (sequence + 1) & 0xFFFF
            if (
                self._depacketiser is None
                or packet.payload_type != self.payload_type
                or self._is_mistaken(packet.payload)
            ):
                self._recognise(packet)
                is_other = packet.payload_type != self.payload_type
                if is_other and packet.payload_type in _SOUND:
                    frames += self._sound(packet)
                    continue
            if self._depacketiser is not None:
                frames += self._depacketiser.feed(
                    packet.payload, packet.timestamp, packet.marker, packet.received_s
                )
        return frames

    def _sound(self, packet: RtpPacket) -> tuple[Frame, ...]:
        """A packet of sound alone; its clock runs at 8000 Hz."""
        codec = PAYLOAD_TYPES.get(packet.payload_type)
        if codec is None:
            self._unheard[UNHEARD_PAYLOAD_TYPES[packet.payload_type]] = None
            return ()
        if not packet.payload:
            return ()
        return (
            Frame(
                codec,
                None,
                packet.timestamp,
                packet.payload,
                packet.received_s,
                has_own_clock=True,
            ),
        )

    def _is_gap(self, sequence: int) -> bool:
        """Were packets left out before this one? A connection keeps order, so only ahead counts."""
        if self._next is None:
            return False
        return self._reorder is not None or sequence_distance(self._next, sequence) > 0

    def _is_mistaken(self, payload: bytes) -> bool:
        """A pack header where NAL units were thought to be: the first packets seen misled."""
        return self.container in {Container.H264, Container.H265} and payload.startswith(_PACK)

    def _recognise(self, packet: RtpPacket) -> None:
        if self._is_mistaken(packet.payload):
            self.payload_type = self._depacketiser = None
            self._tolerated["container-mistaken"] += 1
        if self.payload_type is not None:
            return
        container = container_of(packet.payload, packet.payload_type)
        match container:
            case None:
                return
            case Container.PS:
                self._depacketiser = PsDemuxer()
            case Container.TS:
                self._depacketiser = TsDemuxer()
            case Container.H264:
                self._depacketiser = ElementaryDepacketiser(Codec.H264)
            case Container.H265:
                self._depacketiser = ElementaryDepacketiser(Codec.H265)
        self.container = container
        self.payload_type = packet.payload_type
        is_elementary = container in {Container.H264, Container.H265}
        if is_elementary and packet.payload_type == _PS_PAYLOAD_TYPE:
            self._tolerated["elementary-stream-as-ps"] += 1


def _feed_nothing(
    payload: bytes, timestamp: int, marker: bool, received_s: float
) -> Sequence[Frame]:
    """Before anything was recognised, no run begins."""
    _ = (payload, timestamp, marker, received_s)
    return ()
