"""Session descriptions as we offer them and as devices answer."""

import pytest

from vms.gb28181.errors import ProtocolError
from vms.gb28181.sdp import (
    OFFERED_WIDELY,
    Direction,
    Payload,
    SessionDescription,
    Setup,
    StreamSelector,
    Tolerance,
    Transport,
    answer_to,
    live_offer,
    parse_answer,
    parse_offer,
)
from vms.gb28181.ssrc import Ssrc

PLATFORM = "34020000002000000001"
CAMERA = "34020000001320000001"
SSRC = Ssrc(200_000_001)

ANSWER = (
    b"v=0\r\no=34020000001180000001 0 0 IN IP4 192.168.1.64\r\ns=Play\r\n"
    b"c=IN IP4 192.168.1.64\r\nt=0 0\r\nm=video 15060 RTP/AVP 96\r\na=sendonly\r\n"
    b"a=rtpmap:96 PS/90000\r\ny=0200000001\r\n"
)
ANSWERED = SessionDescription(
    owner_id="34020000001180000001",
    host="192.168.1.64",
    port=15060,
    ssrc=SSRC,
    direction=Direction.SEND_ONLY,
)


def test_a_live_offer_over_udp_has_the_standards_lines_in_order() -> None:
    assert live_offer(
        platform_id=PLATFORM, host="192.168.1.20", port=30000, ssrc=SSRC
    ).decode().split("\r\n") == [
        "v=0",
        "o=34020000002000000001 0 0 IN IP4 192.168.1.20",
        "s=Play",
        "c=IN IP4 192.168.1.20",
        "t=0 0",
        "m=video 30000 RTP/AVP 96 98 97 99",
        "a=recvonly",
        "a=rtpmap:96 PS/90000",
        "a=rtpmap:98 H264/90000",
        "a=rtpmap:97 MPEG4/90000",
        "a=rtpmap:99 H265/90000",
        "y=0200000001",
        "",
    ]


def test_a_live_offer_over_tcp_says_who_connects() -> None:
    offer = live_offer(
        platform_id=PLATFORM,
        host="::1",
        port=30000,
        ssrc=SSRC,
        setup=Setup.PASSIVE,
        stream_number=1,
    )

    assert b"c=IN IP6 ::1\r\n" in offer
    assert b"m=video 30000 TCP/RTP/AVP 96 98 97 99\r\n" in offer
    assert b"a=setup:passive\r\na=connection:new\r\na=streamnumber:1\r\ny=0200000001\r\n" in offer


def test_the_reference_answer_is_read_and_written_byte_for_byte() -> None:
    assert len(ANSWER) == 165
    assert parse_answer(ANSWER) == ANSWERED

    offer = parse_offer(live_offer(platform_id=PLATFORM, host="192.0.2.1", port=30000, ssrc=SSRC))
    answer = answer_to(offer, device_id="34020000001180000001", host="192.168.1.64", port=15060)
    assert answer == ANSWER


@pytest.mark.parametrize(
    ("offered", "answered"), [(Setup.PASSIVE, Setup.ACTIVE), (Setup.ACTIVE, Setup.PASSIVE)]
)
def test_a_device_answers_tcp_in_the_complementary_role(offered: Setup, answered: Setup) -> None:
    offer = live_offer(platform_id=PLATFORM, host="192.0.2.1", port=30000, ssrc=SSRC, setup=offered)

    answer = parse_answer(answer_to(parse_offer(offer), device_id=CAMERA, host="h", port=9))

    assert (answer.transport, answer.setup) == (Transport.TCP, answered)
    assert answer.tolerances == ()


def edited(old: bytes, new: bytes) -> bytes:
    assert old in ANSWER
    return ANSWER.replace(old, new)


@pytest.mark.parametrize(
    ("body", "tolerance"),
    [
        (edited(b"y=0200000001\r\n", b"") + b"y=200000001\r\n", Tolerance.SSRC_DIGITS),
        (ANSWER + b"\0", Tolerance.TRAILING_NUL),
        (ANSWER.replace(b"\r\n", b"\n"), Tolerance.LINE_ENDS),
        (edited(b"c=IN IP4 192.168.1.64\r\n", b""), Tolerance.NO_ADDRESS),
        (edited(b"a=sendonly\r\n", b"a=sendonlya=fmtp:96 x\r\n"), Tolerance.RUN_TOGETHER),
        (ANSWER + b"m=audio 15062 RTP/AVP 8\r\n", Tolerance.SEVERAL_MEDIA),
    ],
)
def test_a_bent_answer_means_the_same(body: bytes, tolerance: Tolerance) -> None:
    answer = parse_answer(body)

    assert tolerance in answer.tolerances
    assert (answer.host, answer.port, answer.ssrc) == ("192.168.1.64", 15060, SSRC)
    assert answer.payload_types == (96,)


@pytest.mark.parametrize(
    ("line", "tolerance"),
    [
        (b"", Tolerance.NO_SSRC),
        (b"y=abc\r\n", Tolerance.SSRC),
        (b"y=9999999999\r\n", Tolerance.SSRC),
    ],
)
def test_an_answer_without_a_usable_ssrc_leaves_it_open(line: bytes, tolerance: Tolerance) -> None:
    answer = parse_answer(edited(b"y=0200000001\r\n", line))

    assert answer.ssrc is None
    assert answer.tolerances == (tolerance,)


def test_tcp_without_setup_is_told() -> None:
    answer = parse_answer(edited(b"RTP/AVP", b"TCP/RTP/AVP"))

    assert (answer.transport, answer.setup) == (Transport.TCP, None)
    assert answer.tolerances == (Tolerance.NO_SETUP,)


def test_a_makers_own_payload_name_is_told() -> None:
    answer = parse_answer(edited(b"96 PS/", b"96 HIKVISION/"))

    assert answer.payloads == (Payload(96, "HIKVISION"),)
    assert answer.tolerances == (Tolerance.PRIVATE_PAYLOAD,)


def test_free_text_and_makers_attributes_do_not_disturb() -> None:
    body = edited(b"s=Play", b"s=Embedded Net DVR") + (
        b"a=username:x\r\na=password:y\r\na=filesize:-1\r\nf=v/0/0/0/0/0a/0/0/0\r\n"
    )

    answer = parse_answer(body)

    assert answer.session_name == "Embedded Net DVR"
    assert answer.media_parameters == "v/0/0/0/0/0a/0/0/0"
    assert answer.tolerances == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"v=0\r\n",
        b"m=video x RTP/AVP 96\r\n",
        b"m=video 70000 RTP/AVP 96\r\n",
        b"m=video\r\n",
        b"v=0\r\n" * 5_000,
    ],
)
def test_an_sdp_without_a_media_line_is_nonsense(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_answer(body)


def test_an_offer_that_names_no_port_is_nonsense() -> None:
    with pytest.raises(ProtocolError):
        parse_offer(edited(b"15060", b"0"))


@pytest.mark.parametrize(
    ("selector", "line"),
    [
        (StreamSelector.STREAM_NUMBER, b"a=streamnumber:1\r\n"),
        (StreamSelector.STREAM_PROFILE, b"a=streamprofile:1\r\n"),
        (StreamSelector.STREAM_MODE, b"a=streamMode:SUB\r\n"),
        (StreamSelector.STREAM, b"a=stream:1\r\n"),
    ],
)
def test_the_sub_stream_is_asked_for_as_the_device_wants_it(
    selector: StreamSelector, line: bytes
) -> None:
    offer = live_offer(
        platform_id="34020000002000000001",
        host="192.0.2.10",
        port=30000,
        ssrc=Ssrc(100000001),
        stream_number=1,
        stream_selector=selector,
    )

    assert line in offer
    read = parse_offer(offer)
    assert (read.stream_number, read.stream_selector) == (1, selector)


def test_a_wide_offer_names_the_numbers_of_private_use() -> None:
    offer = live_offer(
        platform_id="34020000002000000001",
        host="192.0.2.10",
        port=30000,
        ssrc=Ssrc(100000001),
        payloads=OFFERED_WIDELY,
    )

    assert b"m=video 30000 RTP/AVP 96 126 125 99 34 98 97\r\n" in offer
    assert b"a=rtpmap:126 H264/90000\r\n" in offer
    assert b"a=fmtp:126 profile-level-id=42e01e\r\n" in offer
