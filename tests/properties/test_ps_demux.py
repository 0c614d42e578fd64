"""However a program stream is cut, the same frames come out; whatever comes in, nothing breaks."""

from hypothesis import given
from hypothesis import strategies as st

from media.codecs.frame import Frame
from media.ps.demux import PsDemuxer
from media.ps.mux import PsMuxer, pack_header, pes, program_stream_map, system_header
from media.unit import Codec
from tests.media.ps.streams import KEY, SLICE
from tests.properties.cutting import cut


def demux(pieces: list[bytes]) -> list[Frame]:
    demuxer = PsDemuxer()
    frames = [frame for piece in pieces for frame in demuxer.feed(piece, 0, False, 0.0)]
    return frames + list(demuxer.flush())


@given(
    sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=10),
    with_psm=st.booleans(),
    data=st.data(),
)
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(
    sizes: list[int], with_psm: bool, data: st.DataObject
) -> None:
    muxer = PsMuxer(Codec.H264, Codec.PCMA, with_psm=with_psm)
    pictures = [(SLICE if number else KEY) + b"\x5a" * size for number, size in enumerate(sizes)]
    stream = b"".join(
        muxer.picture(picture, number * 3600, is_key=not number)
        + muxer.sound(b"\xd5" * 160, number * 3600)
        for number, picture in enumerate(pictures)
    )

    frames = demux(cut(stream, data))

    assert [frame.data for frame in frames if frame.codec is Codec.H264] == pictures
    assert [frame.pts for frame in frames if frame.codec is Codec.PCMA] == [
        number * 3600 for number in range(len(pictures))
    ]
    assert not any(frame.is_damaged for frame in frames)


ELEMENTS = st.sampled_from(
    [
        pack_header(3600),
        b"\x00\x00\x01\xba",
        system_header(has_video=True, has_audio=True),
        program_stream_map(Codec.H264, Codec.PCMA),
        program_stream_map(Codec.H265, Codec.AAC),
        pes(0xE0, KEY, 3600),
        pes(0xE0, SLICE, 7200),
        pes(0xE0, SLICE, None),
        pes(0xE0, SLICE[7:], 9000),
        pes(0xE0, KEY, 3600)[:4] + b"\x00\x00" + pes(0xE0, KEY, 3600)[6:],
        pes(0xC0, b"\xd5" * 160, 3600),
        b"\x00\x00\x01\xbd\x00\x04abcd",
        b"\x00\x00\x00",
        b"\x00\x00\x01",
        b"\x00\x00\x01\xb9",
        b"\x00\x00\x01\xbc\x00\x03abc",
    ]
)


@given(parts=st.lists(ELEMENTS | st.binary(max_size=40), max_size=30), data=st.data())
def test_a_broken_stream_gives_the_same_frames_however_it_is_cut(
    parts: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(parts)

    assert demux(cut(stream, data)) == demux([stream])


@given(
    steps=st.lists(
        st.tuples(
            ELEMENTS | st.binary(max_size=2000),
            st.integers(0, 0xFFFFFFFF),
            st.booleans(),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_any_bytes_markers_and_losses_are_survived(
    steps: list[tuple[bytes, int, bool, bool]],
) -> None:
    demuxer = PsDemuxer()
    received = 0
    given_out = 0
    for payload, timestamp, marker, is_lost in steps:
        received += len(payload)
        frames = [*(demuxer.lose() if is_lost else ())]
        frames += demuxer.feed(payload, timestamp, marker, 0.0)
        given_out += sum(len(frame.data) for frame in frames)
    given_out += sum(len(frame.data) for frame in demuxer.flush())

    assert given_out <= received
