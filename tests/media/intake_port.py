"""An intake without sockets, on a clock of the test's own, and a device's packets for it."""

from dataclasses import dataclass, field

from media.door import MediaEvent, StreamId, Transport
from media.hub import Hub, Reader
from media.intake import Intake
from media.ps.mux import PsMuxer
from media.rtp.packet import packetise
from media.unit import AccessUnit, Codec
from tests.media.ps.streams import KEY, SLICE

SSRC = 200_000_001
DEVICE = ("192.0.2.7", 15_060)
STRANGER = ("192.0.2.66", 15_060)
STREAM = StreamId("stream")


@dataclass
class Port:
    """An intake, its hub, a reader and a clock."""

    transport: Transport = Transport.UDP
    now: float = 100.0
    events: list[MediaEvent] = field(default_factory=list[MediaEvent])
    sequence: int = 65_530

    def __post_init__(self) -> None:
        self.hub = Hub(lambda: self.now)
        self.reader: Reader = self.hub.subscribe(1000)
        self.intake = Intake(
            STREAM, self.transport, SSRC, self.hub, self.events.append, lambda: self.now
        )

    def packets(
        self,
        data: bytes,
        *,
        ssrc: int = SSRC,
        timestamp: int = 0,
        payload_type: int = 96,
        size: int = 60,
    ) -> list[bytes]:
        out = list(
            packetise(
                data,
                payload_type=payload_type,
                sequence=self.sequence,
                timestamp=timestamp,
                ssrc=ssrc,
                payload_limit=size,
            )
        )
        self.sequence += len(out)
        return out

    def receive(self, packets: list[bytes], source: tuple[str, int] = DEVICE) -> None:
        for packet in packets:
            self.intake.receive(packet, source)

    def pictures(
        self, count: int, *, first: int = 0, ssrc: int = SSRC, source: tuple[str, int] = DEVICE
    ) -> None:
        """Pictures 40 ms apart, every fourth a key picture."""
        muxer = PsMuxer(Codec.H264, Codec.PCMA)
        for number in range(first, first + count):
            is_key = number % 4 == 0
            pack = muxer.picture(KEY if is_key else SLICE, number * 3600, is_key=is_key)
            self.receive(self.packets(pack, ssrc=ssrc, timestamp=number * 3600), source)
            self.pass_time(0.04)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.intake.tick()

    def taken(self) -> list[AccessUnit]:
        return [unit for unit in self.reader.take() if unit.codec.is_video]
