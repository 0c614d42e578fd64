"""Whatever the network does to packets, they leave in order and none twice."""

from hypothesis import given
from hypothesis import strategies as st

from media.rtp.packet import RtpPacket
from media.rtp.reorder import RESTART_DISTANCE, ReorderBuffer
from media.rtp.sequence import sequence_distance

NEAR = RESTART_DISTANCE // 2


@given(
    first=st.integers(0, 0xFFFF),
    offsets=st.lists(st.integers(0, NEAR), max_size=200),
    steps_s=st.lists(st.floats(0, 0.2), min_size=200, max_size=200),
)
def test_what_comes_out_is_ordered_and_has_no_repeats(
    first: int, offsets: list[int], steps_s: list[float]
) -> None:
    buffer = ReorderBuffer(window=20)
    now = 0.0
    out: list[int] = []
    for offset, step_s in zip([0, *offsets], steps_s, strict=False):
        now += step_s
        out += [packet.sequence for packet in buffer.tick(now)]
        packet = RtpPacket(96, False, (first + offset) & 0xFFFF, 0, 7, b"", now)
        out += [ready.sequence for ready in buffer.push(packet, now)]
        assert buffer.deadline is None or buffer.deadline > now
    out += [packet.sequence for packet in buffer.flush()]

    distances = [sequence_distance(first, sequence) for sequence in out]
    assert distances == sorted(set(distances))
    assert set(distances) <= {0, *offsets}


@given(order=st.permutations(list(range(12))), repeats=st.lists(st.integers(0, 11), max_size=6))
def test_nothing_is_lost_while_every_packet_comes_in_time(
    order: list[int], repeats: list[int]
) -> None:
    buffer = ReorderBuffer()
    out: list[int] = []
    for number in [100, *(101 + offset for offset in [*order, *repeats])]:
        packet = RtpPacket(96, False, number, 0, 7, b"", 0)
        out += [ready.sequence for ready in buffer.push(packet, 0)]

    assert out == list(range(100, 113))
    assert buffer.duplicates == len(repeats)


@given(numbers=st.lists(st.integers(0, 0xFFFF), max_size=100))
def test_no_packet_leaves_twice_whatever_the_numbers(numbers: list[int]) -> None:
    buffer = ReorderBuffer(window=8)
    packets = [RtpPacket(96, False, number, 0, 7, b"", 0) for number in numbers]

    out = [ready for packet in packets for ready in buffer.push(packet, 0)]
    out += buffer.flush()

    assert len({id(packet) for packet in out}) == len(out)
