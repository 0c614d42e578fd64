"""Whatever arrives on a stream's port, the intake goes on and memory stays bounded."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from media.codecs import annexb
from media.door import StreamId, Transport
from media.errors import ProtocolError
from media.hub import Hub
from media.intake import Intake
from media.ps.mux import PsMuxer
from media.rtp import rtcp
from media.rtp.packet import build, parse
from media.unit import Codec
from tests.media.ps.streams import KEY, KEY_265, SLICE

PAYLOADS = st.sampled_from(
    [
        PsMuxer(Codec.H264, Codec.PCMA).picture(KEY, 0, is_key=True),
        PsMuxer(Codec.H264).picture(SLICE, 3600, is_key=False),
        PsMuxer(Codec.H265).picture(KEY_265, 0, is_key=True),
        KEY[4:],
        b"\x7c\x85" + KEY[10:],
        b"\x62\x01\x93" + KEY_265[10:],
        b"\xd5" * 160,
        (b"\x47" + bytes(187)) * 2,
    ]
) | st.binary(max_size=100)

PACKETS = st.builds(
    build,
    PAYLOADS,
    payload_type=st.sampled_from([0, 8, 96, 98]),
    marker=st.booleans(),
    sequence=st.integers(0, 40) | st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 20).map(lambda number: number * 3600) | st.integers(0, 0xFFFFFFFF),
    ssrc=st.sampled_from([0, 1, 2]),
) | st.binary(max_size=60)

SOURCES = st.sampled_from([("192.0.2.1", 5000), ("192.0.2.1", 5001), ("192.0.2.2", 5000)])


@given(
    transport=st.sampled_from(list(Transport)),
    arrivals=st.lists(st.tuples(PACKETS, SOURCES, st.floats(0, 4)), max_size=40),
    answer_at=st.integers(0, 40),
)
def test_any_packets_from_anybody_at_any_time_are_survived(
    transport: Transport,
    arrivals: list[tuple[bytes, tuple[str, int], float]],
    answer_at: int,
) -> None:
    seconds = [0.0]
    hub = Hub(lambda: seconds[0])
    reader = hub.subscribe(100)
    intake = Intake(StreamId("s"), transport, 1, hub, lambda _: None, lambda: seconds[0])
    for number, (packet, source, pause_s) in enumerate(arrivals):
        if number == answer_at:
            intake.expect(1, "192.0.2.1")
        intake.receive(packet, source)
        intake.receive_rtcp(packet, source)
        seconds[0] += pause_s
        intake.tick()
        intake.report()
    figures = intake.figures()
    intake.end()

    assert figures.packets + figures.foreign <= 2 * len(arrivals)
    assert figures.lost >= 0
    assert all(unit.data for unit in reader.take())


@given(data=st.binary(max_size=200))
def test_parsers_of_packets_and_parameter_sets_give_a_value_or_a_protocol_error(
    data: bytes,
) -> None:
    with suppress(ProtocolError):
        parse(data, 0.0)
    with suppress(ProtocolError):
        rtcp.parse(data)
    for codec, head in ((Codec.H264, b"\x67"), (Codec.H265, b"\x42\x01")):
        with suppress(ProtocolError):
            annexb.video_format(codec, b"\x00\x00\x01" + head + data)
        annexb.content(codec, data)
        annexb.parameter_sets(codec, data)
    annexb.guess_codec(data)
