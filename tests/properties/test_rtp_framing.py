"""However a connection's bytes are cut, the same packets come out."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from media.errors import ProtocolError
from media.rtp.framing import Deframer, frame
from media.rtp.packet import build
from tests.properties.cutting import cut


@st.composite
def rtp_packets(draw: st.DrawFn) -> bytes:
    return build(
        draw(st.binary(max_size=300)),
        payload_type=draw(st.sampled_from([8, 96])),
        marker=draw(st.booleans()),
        sequence=draw(st.integers(0, 0xFFFF)),
        timestamp=draw(st.integers(0, 0xFFFFFFFF)),
        ssrc=0x0BEBC201,
    )


@given(packets=st.lists(rtp_packets(), max_size=12), rtsp=st.booleans(), data=st.data())
def test_packets_come_out_the_same_however_the_connection_is_cut(
    packets: list[bytes], rtsp: bool, data: st.DataObject
) -> None:
    prefix = b"$\x00" if rtsp else b""
    # One more packet stands behind: the first of an unknown sender may need a witness.
    stream = b"".join(prefix + frame(packet) for packet in [*packets, *packets[:1]])
    deframer = Deframer()

    out = [packet for piece in cut(stream, data) for packet in deframer.feed(piece)]

    assert out[: len(packets)] == packets
    assert deframer.skipped == 0


@given(
    before=st.lists(rtp_packets(), min_size=1, max_size=4),
    junk=st.binary(max_size=200),
    after=st.lists(rtp_packets(), max_size=4),
    data=st.data(),
)
def test_junk_between_packets_gives_the_same_result_however_it_is_cut(
    before: list[bytes], junk: bytes, after: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(map(frame, before)) + junk + b"".join(map(frame, after))
    whole, pieces = Deframer(), Deframer()

    expected = whole.feed(stream)

    assert [packet for piece in cut(stream, data) for packet in pieces.feed(piece)] == expected
    assert expected[: len(before)] == before


@given(pieces=st.lists(st.binary(max_size=2000), max_size=20))
def test_any_bytes_give_packets_or_a_protocol_error(pieces: list[bytes]) -> None:
    deframer = Deframer()
    with suppress(ProtocolError):
        for piece in pieces:
            for packet in deframer.feed(piece):
                assert 8 <= len(packet) <= 65_535
