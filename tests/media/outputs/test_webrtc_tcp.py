"""Frames of connections; the connections themselves are in test_webrtc."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import ProtocolError
from media.outputs.webrtc_tcp import Frames


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(0, 400), max_size=8))
def test_frames_come_out_the_same_however_the_connection_is_cut(
    sent: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(len(frame).to_bytes(2) + frame for frame in sent)
    frames = Frames()
    got: list[bytes] = []
    for cut in cuts:
        got += frames.feed(stream[:cut])
        stream = stream[cut:]

    assert got + frames.feed(stream) == sent


def test_a_frame_too_long_for_a_datagram_is_a_protocol_error() -> None:
    assert Frames().feed(b"\x08\x00" + bytes(2_048)) == [bytes(2_048)]
    with pytest.raises(ProtocolError):
        Frames().feed(b"\x08\x01")
