"""Real workers behind a `Farm`, and a device that sends to them."""

import os
import secrets
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from media.door import (
    Admission,
    FirstPicture,
    Form,
    MediaError,
    MediaEvent,
    StreamAddress,
    StreamId,
    Transport,
)
from media.farm import Farm, WorkerStatus
from media.plan import Place, RelayPlan
from media.unit import Codec
from tests.media.lines import HOST, SSRC, packets
from tests.support.units import video_units
from tests.support.waiting import until

PORTS = (44_000, 44_999)
START_LIMIT_S = 40.0
"""On a machine with more to do than processors."""


@dataclass
class Stage:
    """A farm, what it told, and how it judges tokens."""

    farm: Farm = field(init=False)
    events: list[MediaEvent] = field(default_factory=list[MediaEvent])
    admissions: dict[str, Admission] = field(default_factory=dict[str, Admission])
    asked: list[tuple[str, Form, int]] = field(default_factory=list[tuple[str, Form, int]])

    async def admit(self, token: str, form: Form, worker: int) -> Admission:
        self.asked.append((token, form, worker))
        if token not in self.admissions:
            raise MediaError(MediaError.NOT_ADMITTED, "no such token")
        return self.admissions[token]

    def status(self, worker: int) -> WorkerStatus:
        return self.farm.workers()[worker]

    def send_signal(self, worker: int, number: int) -> None:
        pid = self.status(worker).pid
        assert pid is not None
        os.kill(pid, number)

    def told(self, stream_id: StreamId) -> list[MediaEvent]:
        """Of that stream."""
        return [event for event in self.events if event.stream_id == stream_id]

    async def open(self, worker: int) -> StreamAddress:
        address = await self.farm.open(Transport.UDP, SSRC, HOST, worker)
        await self.farm.expect(address.stream_id, SSRC, HOST)
        return address

    async def play(self, address: StreamAddress) -> None:
        """Until the first picture of the stream is told."""
        key = video_units(Codec.H264, 1)[0].data
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            for packet in packets(4, payload_limit=1000, key=key):
                device.sendto(packet, (HOST, address.port))
        await until(
            lambda: any(isinstance(event, FirstPicture) for event in self.told(address.stream_id))
        )


@asynccontextmanager
async def stage(workers: int = 1, *, webrtc_port: int = 0) -> AsyncGenerator[Stage]:
    """On free ports, or those named."""
    it = Stage()
    it.farm = Farm(
        RelayPlan(PORTS, Place(HOST, webrtc_port), (HOST,)),
        workers,
        now=time.monotonic,
        token=lambda: secrets.token_hex(16),
        on_event=it.events.append,
        admit=it.admit,
    )
    await it.farm.start()
    try:
        yield it
    finally:
        await it.farm.stop()
    assert not any(each.is_up for each in it.farm.workers())
