"""For all descriptions: what is encoded is parsed again; any bytes give no other exception."""

from hypothesis import given
from hypothesis import strategies as st

from vms.gb28181.errors import ProtocolError
from vms.gb28181.sdp import (
    Direction,
    Payload,
    SessionDescription,
    Setup,
    Tolerance,
    Transport,
    encode,
    parse_answer,
    parse_offer,
)
from vms.gb28181.ssrc import Ssrc

payloads = st.builds(
    Payload,
    st.integers(96, 127),
    st.sampled_from(["PS", "H264", "H265"]),
    st.sampled_from([8_000, 90_000]),
)


@st.composite
def descriptions(draw: st.DrawFn) -> SessionDescription:
    transport = draw(st.sampled_from(Transport))
    return SessionDescription(
        owner_id=draw(st.text("0123456789", min_size=1, max_size=20)),
        host=draw(st.sampled_from(["192.0.2.1", "2001:db8::1", "media.example"])),
        port=draw(st.integers(1, 65_535)),
        transport=transport,
        setup=draw(st.sampled_from(Setup)) if transport is Transport.TCP else None,
        ssrc=draw(st.integers(0, 2**32 - 1).map(Ssrc)),
        session_name=draw(st.sampled_from(["Play", "Playback", "Download"])),
        direction=draw(st.none() | st.sampled_from(Direction)),
        payloads=tuple(
            draw(st.lists(payloads, min_size=1, max_size=4, unique_by=lambda one: one.number))
        ),
        stream_number=draw(st.none() | st.integers(0, 9)),
        media_parameters=draw(st.sampled_from(["", "v/2/5/25/1/2048a/1/8/1"])),
    )


@given(description=descriptions())
def test_what_is_encoded_is_parsed_again(description: SessionDescription) -> None:
    assert parse_answer(encode(description)) == description
    assert parse_offer(encode(description)) == description


@given(body=st.binary(max_size=300))
def test_any_bytes_give_a_description_or_a_protocol_error(body: bytes) -> None:
    try:
        description = parse_answer(body)
    except ProtocolError:
        return
    assert isinstance(description, SessionDescription)


@given(description=descriptions(), data=st.data())
def test_a_bent_description_gives_a_description_or_a_protocol_error(
    description: SessionDescription, data: st.DataObject
) -> None:
    body = bytearray(encode(description))
    start = data.draw(st.integers(0, len(body) - 1))
    end = data.draw(st.integers(start, min(start + 20, len(body))))
    body[start:end] = data.draw(st.binary(max_size=6) | st.sampled_from([b"\n", b"a=", b"=" * 50]))
    try:
        answer = parse_answer(bytes(body))
    except ProtocolError:
        return
    assert all(isinstance(name, Tolerance) for name in answer.tolerances)
