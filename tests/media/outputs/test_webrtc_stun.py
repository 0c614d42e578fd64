"""STUN for ICE-lite: the vectors of RFC 5769, and what must not pass."""

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from media.errors import ProtocolError
from media.outputs.webrtc_stun import binding_response, is_stun, parse_binding_request

ICE_KEY = "VOkJxbRl1RmTxUk/WvJxBt"
TRANSACTION_ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")

REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
"""RFC 5769, 2.1."""

MAPPED_IPV4 = bytes.fromhex("002000080001a147e112a643")
"""RFC 5769, 2.2: 192.0.2.1 port 32853."""

MAPPED_IPV6 = bytes.fromhex("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9")
"""RFC 5769, 2.3: 2001:db8:1234:5678:11:2233:4455:6677 port 32853."""


def check(*, use_candidate: bool = True, key: str = ICE_KEY) -> bytes:
    """A connectivity check as aioice makes it."""
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = "ours:theirs"
    message.attributes["PRIORITY"] = 1
    if use_candidate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(key.encode())
    message.add_fingerprint()
    return bytes(message)


def test_the_sample_request_is_read_and_its_seal_is_right() -> None:
    request = parse_binding_request(REQUEST)

    assert request.username == "evtj:h6vY"
    assert request.our_ufrag == "evtj"
    assert request.transaction_id == TRANSACTION_ID
    assert not request.use_candidate
    assert request.is_sealed_by(ICE_KEY)


def test_a_seal_made_with_another_password_is_not_ours() -> None:
    assert not parse_binding_request(REQUEST).is_sealed_by(ICE_KEY + "x")


def test_a_check_that_nominates_says_so() -> None:
    assert parse_binding_request(check()).use_candidate
    assert not parse_binding_request(check(use_candidate=False)).use_candidate


@pytest.mark.parametrize(
    ("host", "mapped"),
    [("192.0.2.1", MAPPED_IPV4), ("2001:db8:1234:5678:11:2233:4455:6677", MAPPED_IPV6)],
)
def test_the_response_tells_the_address_as_in_the_sample_responses(
    host: str, mapped: bytes
) -> None:
    assert mapped in binding_response(TRANSACTION_ID, ICE_KEY, host, 32853)


def test_another_implementation_accepts_the_response() -> None:
    data = binding_response(TRANSACTION_ID, ICE_KEY, "192.0.2.1", 32853)

    message = stun.parse_message(data)

    assert message.check_message_integrity(ICE_KEY.encode())
    assert message.message_class is stun.Class.RESPONSE
    assert message.transaction_id == TRANSACTION_ID
    assert message.attributes["XOR-MAPPED-ADDRESS"] == ("192.0.2.1", 32853)
    assert "FINGERPRINT" in message.attributes


def test_a_changed_byte_anywhere_is_noticed() -> None:
    for position in range(20, len(REQUEST)):
        changed = bytearray(REQUEST)
        changed[position] ^= 1
        try:
            request = parse_binding_request(bytes(changed))
        except ProtocolError:
            continue
        assert not request.is_sealed_by(ICE_KEY)


def test_what_stands_behind_the_seal_does_not_count() -> None:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = "ours:theirs"
    message.add_message_integrity(ICE_KEY.encode())
    message.attributes["USE-CANDIDATE"] = None
    message.add_fingerprint()

    assert not parse_binding_request(bytes(message)).use_candidate


def test_a_check_without_seal_or_fingerprint_is_refused() -> None:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = "ours:theirs"

    with pytest.raises(ProtocolError):
        parse_binding_request(bytes(message))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_protocol_error(data: bytes) -> None:
    try:
        parse_binding_request(data)
    except ProtocolError:
        return
    assert is_stun(data)


@given(st.binary(max_size=120).map(lambda body: body[: len(body) // 4 * 4]))
def test_any_attributes_are_a_request_or_a_protocol_error(body: bytes) -> None:
    header = b"\x00\x01" + len(body).to_bytes(2) + REQUEST[4:20]
    with pytest.raises(ProtocolError):
        parse_binding_request(header + body)
