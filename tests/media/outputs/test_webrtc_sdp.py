"""Offers as browsers write them, and the answer."""

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from media.codecs import annexb
from media.errors import ProtocolError
from media.outputs.webrtc_offer import parse_offer
from media.outputs.webrtc_sdp import (
    H265Profile,
    LocalDescription,
    build_answer,
    build_fragment,
    choose,
    read_h265_profile,
)
from media.unit import Codec
from tests.support.units import video_units

ICE_KEY = "fedcba9876543210fedcba9876543210"
FINGERPRINT = ":".join(["AB"] * 32)

LOCAL = LocalDescription(
    session_id=7,
    ice_ufrag="0123456789abcdef0123456789abcdef",
    ice_pwd=ICE_KEY,
    fingerprint=FINGERPRINT,
    candidates=[("127.0.0.1", 8189), ("192.0.2.7", 8189)],
    video_ssrc=11,
    rtx_ssrc=12,
    audio_ssrc=13,
    stream_name="camera",
)

TRANSPORT = f"""c=IN IP4 0.0.0.0
a=ice-ufrag:05LM
a=ice-pwd:w67lh55BX3gBQI4eYAs7g7Qb
a=ice-options:trickle
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=rtcp-mux
"""

CHROMIUM = f"""v=0
o=- 1051992453516733824 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 107 108 109 116 117
{TRANSPORT}a=mid:0
a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid
a=recvonly
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
a=rtcp-fb:102 goog-remb
a=rtcp-fb:102 transport-cc
a=rtcp-fb:102 ccm fir
a=rtcp-fb:102 nack
a=rtcp-fb:102 nack pli
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:103 rtx/90000
a=fmtp:103 apt=102
a=rtpmap:104 H264/90000
a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f
a=rtpmap:107 rtx/90000
a=fmtp:107 apt=104
a=rtpmap:108 H264/90000
a=rtcp-fb:108 ccm fir
a=rtcp-fb:108 nack
a=rtcp-fb:108 nack pli
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:109 rtx/90000
a=fmtp:109 apt=108
a=rtpmap:116 H264/90000
a=rtcp-fb:116 nack
a=rtcp-fb:116 nack pli
a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f
a=rtpmap:117 rtx/90000
a=fmtp:117 apt=116
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110
{TRANSPORT}a=mid:1
a=recvonly
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
""".replace("\n", "\r\n")

FIREFOX = f"""v=0
o=mozilla...THIS_IS_SDPARTA-99.0 4611731400430051336 0 IN IP4 0.0.0.0
s=-
t=0 0
a=fingerprint:sha-256 {FINGERPRINT}
a=group:BUNDLE 0 1
a=ice-options:trickle
a=msid-semantic:WMS *
m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101
c=IN IP4 0.0.0.0
a=recvonly
a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
a=ice-pwd:8f0be2f2d0d1a9a57a1bbf4fb2ee9a6d
a=ice-ufrag:1c3e1d31
a=mid:0
a=rtcp-mux
a=rtpmap:109 opus/48000/2
a=rtpmap:9 G722/8000/1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000/1
a=setup:actpass
m=video 9 UDP/TLS/RTP/SAVPF 120 124 126 127 97 98
c=IN IP4 0.0.0.0
a=recvonly
a=fmtp:126 profile-level-id=42e01f;level-asymmetry-allowed=1;packetization-mode=1
a=fmtp:97 profile-level-id=42e01f;level-asymmetry-allowed=1
a=fmtp:124 apt=120
a=fmtp:127 apt=126
a=fmtp:98 apt=97
a=ice-pwd:8f0be2f2d0d1a9a57a1bbf4fb2ee9a6d
a=ice-ufrag:1c3e1d31
a=mid:1
a=rtcp-fb:* nack
a=rtcp-fb:126 nack pli
a=rtcp-fb:126 ccm fir
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:120 VP8/90000
a=rtpmap:124 rtx/90000
a=rtpmap:126 H264/90000
a=rtpmap:127 rtx/90000
a=rtpmap:97 H264/90000
a=rtpmap:98 rtx/90000
a=setup:actpass
""".replace("\n", "\r\n")

SAFARI = f"""v=0
o=- 3283346437268364219 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE video-mid
a=msid-semantic: WMS
m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99
{TRANSPORT}a=mid:video-mid
a=recvonly
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:98 H264/90000
a=rtcp-fb:98 nack
a=fmtp:98 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:99 rtx/90000
a=fmtp:99 apt=98
""".replace("\n", "\r\n")


H265 = f"""v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
m=video 9 UDP/TLS/RTP/SAVPF 96 97 49 50 51
{TRANSPORT}a=mid:0
a=recvonly
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:49 H265/90000
a=rtcp-fb:49 nack
a=rtcp-fb:49 nack pli
a=fmtp:49 level-id=153;profile-id=1;tier-flag=0;tx-mode=SRST
a=rtpmap:50 rtx/90000
a=fmtp:50 apt=49
a=rtpmap:51 H265/90000
a=fmtp:51 level-id=120;profile-id=2;tier-flag=0;tx-mode=SRST
""".replace("\n", "\r\n")
"""As Chromium writes it where the machine decodes H.265."""


def answer_to(text: str, profile: str = "") -> str:
    """The answer to an offer, for a stream of this profile."""
    offer = parse_offer(text)
    return build_answer(offer, choose(offer, h264_profile=profile), LOCAL)


@pytest.mark.parametrize(
    ("offer", "profile", "payload_type", "rtx"),
    [
        (CHROMIUM, "", 108, 109),
        (CHROMIUM, "42e01e", 108, 109),
        (CHROMIUM, "4d0028", 116, 117),
        (CHROMIUM, "640028", 108, 109),
        (FIREFOX, "4d0028", 126, 127),
        (SAFARI, "640028", 96, 97),
        (SAFARI, "", 98, 99),
    ],
)
def test_video_goes_by_the_streams_profile_or_else_as_constrained_baseline(
    offer: str, profile: str, payload_type: int, rtx: int
) -> None:
    video = choose(parse_offer(offer), h264_profile=profile).video

    assert video is not None
    [(codec, taken)] = video.codecs.items()
    assert codec is Codec.H264
    assert (taken.payload_type, taken.rtx_payload_type) == (payload_type, rtx)
    assert "nack" in taken.feedback


@pytest.mark.parametrize(
    ("profile", "offer", "payload_type"),
    [
        (None, H265, 49),
        (H265Profile(1, 0, 153), H265, 49),
        (H265Profile(2, 0, 120), H265, 51),
        (H265Profile(1, 0, 156), H265, None),
        (H265Profile(1, 1, 120), H265, None),
        (H265Profile(4, 0, 120), H265, None),
        (H265Profile(1, 0, 93), H265.replace("a=fmtp:49", "a=x:49"), 49),
        (H265Profile(1, 0, 120), H265.replace("tx-mode=SRST", "tx-mode=MRST"), None),
        (H265Profile(1, 0, 120), H265.replace("level-id=", "level-id=x"), None),
        (None, CHROMIUM, None),
    ],
)
def test_h265_is_passed_where_it_can_be_decoded_and_h264_stays_possible(
    profile: H265Profile | None, offer: str, payload_type: int | None
) -> None:
    video = choose(parse_offer(offer), h265_profile=profile).video

    assert video is not None
    taken = video.codecs.get(Codec.H265)
    assert (taken.payload_type if taken else None) == payload_type
    assert Codec.H264 in video.codecs


def test_the_answer_names_both_codings_the_newer_one_first() -> None:
    answer = answer_to(H265)

    assert "m=video 8189 UDP/TLS/RTP/SAVPF 49 50 96 97\r\n" in answer
    assert "a=fmtp:49 level-id=153;profile-id=1;tier-flag=0;tx-mode=SRST\r\n" in answer
    assert "a=rtcp-fb:49 nack pli\r\n" in answer
    codecs = SessionDescription.parse(answer).media[0].rtp.codecs
    assert [codec.mimeType for codec in codecs] == [
        "video/H265",
        "video/rtx",
        "video/H264",
        "video/rtx",
    ]


def test_the_profile_of_a_stream_is_read_from_its_parameter_sets() -> None:
    # Two emulation prevention bytes stand before the level, as in most cameras' sets.
    sps = "420101022000000300900000030000030099a0"

    assert read_h265_profile(annexb.join([bytes.fromhex(sps)])) == H265Profile(2, 0, 153)
    assert read_h265_profile(video_units(Codec.H265, 1)[0].data) == H265Profile(1, 0, 63)
    assert read_h265_profile(annexb.join([b"\x42\x01\x01"])) is None
    assert read_h265_profile(b"") is None


def test_sound_may_go_in_every_coding_that_both_sides_know() -> None:
    audio = choose(parse_offer(CHROMIUM)).audio

    assert audio is not None
    assert audio.payload_types == {Codec.OPUS: 111, Codec.PCMU: 0, Codec.PCMA: 8}


def test_static_payload_types_need_no_rtpmap() -> None:
    offer = CHROMIUM.replace("a=rtpmap:8 PCMA/8000\r\n", "")

    audio = choose(parse_offer(offer)).audio

    assert audio is not None
    assert audio.payload_types[Codec.PCMA] == 8


@pytest.mark.parametrize("offer", [CHROMIUM, FIREFOX, SAFARI])
def test_another_implementation_reads_the_answer(offer: str) -> None:
    answer = SessionDescription.parse(answer_to(offer))

    sections = [section for section in answer.media if section.port]
    assert [section.rtp.muxId for section in answer.media] == [
        section.mid for section in parse_offer(offer).media
    ]
    assert answer.group[0].items == [section.rtp.muxId for section in sections]
    assert "a=ice-lite" in answer_to(offer)
    for section in sections:
        assert section.direction == "sendonly"
        assert section.rtcp_mux
        assert section.dtls is not None
        assert section.dtls.role == "server"
        assert section.dtls.fingerprints[0].value == FINGERPRINT
        assert section.ice is not None
        assert section.ice.usernameFragment == LOCAL.ice_ufrag
        assert section.ice.password == LOCAL.ice_pwd
    candidates = sections[0].ice_candidates
    for protocol in ("udp", "tcp"):
        places = [(one.ip, one.port) for one in candidates if one.protocol == protocol]
        assert places == LOCAL.candidates
    assert {one.tcpType for one in candidates} == {None, "passive"}
    assert len({one.foundation for one in candidates}) == 4
    video = next(section for section in sections if section.kind == "video")
    assert [group.items for group in video.ssrc_group] == [[11, 12]]
    assert video.msid == "camera video"


def test_udp_is_preferred_and_the_first_address() -> None:
    candidates = SessionDescription.parse(answer_to(CHROMIUM)).media[0].ice_candidates

    # RFC 8445, 5.1.2.1: the kind, then which address, then component 1; RFC 6544, 4.2, for TCP.
    assert [one.priority for one in candidates] == [
        126 * 2**24 + 65_535 * 2**8 + 255,
        126 * 2**24 + 65_534 * 2**8 + 255,
        105 * 2**24 + (4 * 2**13 + 8_191) * 2**8 + 255,
        105 * 2**24 + (4 * 2**13 + 8_190) * 2**8 + 255,
    ]


def test_a_restart_is_answered_with_new_credentials_and_the_same_addresses() -> None:
    lines = build_fragment("0", "video", LOCAL).split("\r\n")

    assert lines[:5] == [
        "a=ice-lite",
        "m=video 8189 UDP/TLS/RTP/SAVPF 0",
        "a=mid:0",
        f"a=ice-ufrag:{LOCAL.ice_ufrag}",
        f"a=ice-pwd:{ICE_KEY}",
    ]
    assert lines[5:-1] == [
        line
        for line in answer_to(CHROMIUM).split("\r\n")
        if line.startswith(("a=candidate:", "a=end-of-candidates"))
    ]
    assert lines[-1] == ""


def test_feedback_that_was_not_offered_is_not_answered() -> None:
    answer = answer_to(SAFARI)

    assert "a=rtcp-fb:98 nack\r\n" in answer
    assert "pli" not in answer
    assert "fir" not in answer


def test_a_second_video_and_a_data_channel_are_refused_in_their_place() -> None:
    second = SAFARI[SAFARI.index("m=video") :].replace("video-mid", "second")
    channel = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:data\r\n"
    offer = SAFARI.replace("BUNDLE video-mid", "BUNDLE data video-mid second").replace(
        "m=video", channel + "m=video", 1
    )

    answer = answer_to(offer + second)

    assert [line for line in answer.split("\r\n") if line.startswith("m=")] == [
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
        "m=video 8189 UDP/TLS/RTP/SAVPF 98 99",
        "m=video 0 UDP/TLS/RTP/SAVPF 96 97 98 99",
    ]
    assert "a=group:BUNDLE video-mid\r\n" in answer


def test_without_a_bundle_only_the_first_medium_is_taken() -> None:
    choice = choose(parse_offer(CHROMIUM.replace("a=group:BUNDLE 0 1\r\n", "")))

    assert choice.video is not None
    assert choice.audio is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "v=0\r\n",
        CHROMIUM.replace("a=fingerprint:", "a=finger:"),
        CHROMIUM.replace("a=setup:actpass", "a=setup:passive"),
        CHROMIUM.replace("H264", "H263"),
        CHROMIUM.replace("packetization-mode=1", "packetization-mode=0"),
        CHROMIUM.replace("a=recvonly", "a=inactive"),
        CHROMIUM.replace("a=rtcp-mux", "a=rtcp-mix"),
        CHROMIUM.replace("m=video 9 ", "m=video\x00 9 "),
        CHROMIUM + "a=x\r\n" * 20_000,
        CHROMIUM + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * 20,
    ],
)
def test_an_offer_that_cannot_be_served_is_a_protocol_error(text: str) -> None:
    with pytest.raises(ProtocolError):
        choose(parse_offer(text))


@given(st.data())
def test_a_mangled_offer_is_answered_or_a_protocol_error(data: st.DataObject) -> None:
    lines = CHROMIUM.split("\r\n")
    for _ in range(data.draw(st.integers(1, 5))):
        position = data.draw(st.integers(0, len(lines) - 1))
        lines[position] = data.draw(
            st.one_of(
                st.text(max_size=30),
                st.sampled_from(lines),
                st.just(lines[position]).map(lambda line: line[: len(line) // 2]),
            )
        )
    try:
        answer = answer_to("\r\n".join(lines))
    except ProtocolError:
        return
    assert answer.startswith("v=0\r\n")
