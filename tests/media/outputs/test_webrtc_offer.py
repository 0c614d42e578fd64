"""What a viewer's offer and its fragments tell; offers as browsers write them: test_webrtc_sdp."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import ProtocolError
from media.outputs.webrtc_offer import IceCredentials, parse_fragment, parse_offer

ICE_KEY = "gx6yNGTC7VdxfZbNEKOkqBtE"
THEIRS = IceCredentials("EsAw", ICE_KEY)

TRICKLE = f"""a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=ice-ufrag:EsAw
a=ice-pwd:{ICE_KEY}
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw
a=candidate:3471623853 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active
a=end-of-candidates
""".replace("\n", "\r\n")
"""In the manner of RFC 9725, 4.3.2."""

OFFER = f"""v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=fingerprint:sha-256 AB:CD
m=audio 9 UDP/TLS/RTP/SAVPF 8
a=ice-ufrag:EsAw
a=ice-pwd:{ICE_KEY}
a=rtcp-mux
m=video 9 UDP/TLS/RTP/SAVPF 96
a=ice-ufrag:Other
a=ice-pwd:{ICE_KEY[::-1]}
"""


def test_the_credentials_of_a_fragment_are_those_of_its_first_section() -> None:
    assert parse_fragment(TRICKLE) == THEIRS
    assert parse_fragment(TRICKLE + "m=video 9 RTP 0\r\na=ice-ufrag:Else\r\n") == THEIRS


def test_the_credentials_of_an_offer_are_those_of_its_first_section() -> None:
    assert parse_offer(OFFER).ice == THEIRS


def test_a_viewer_may_say_that_key_pictures_will_do() -> None:
    assert not parse_offer(OFFER).will_do_with_keys
    assert parse_offer(OFFER + "a=x-key-pictures\r\n").will_do_with_keys


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        TRICKLE.replace("ice-ufrag", "ice-frag"),
        TRICKLE.replace("EsAw", "E w"),
        TRICKLE.replace(ICE_KEY, "short"),
        TRICKLE.replace(ICE_KEY, "x" * 257),
        TRICKLE + "a=x\r\n" * 5_000,
    ],
)
def test_what_is_no_fragment_is_a_protocol_error(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_fragment(text)


@given(st.text(max_size=200), st.integers(0, len(TRICKLE)))
def test_any_text_is_a_fragment_or_a_protocol_error(text: str, at: int) -> None:
    for one in (text, TRICKLE[:at] + text + TRICKLE[at:]):
        try:
            parse_fragment(one)
        except ProtocolError:
            continue
