"""Descriptions and packets of each coding, in printed bytes."""

import pytest

from media.codecs import annexb
from media.errors import ProtocolError
from media.rtsp.tracks import AudioTrack, VideoTrack, describe
from media.unit import AccessUnit, AudioFormat, Codec

NAMES = (0x01020304, 7)
SPS = bytes.fromhex("6742c01e")
PPS = bytes.fromhex("68ce3c80")


def test_h264_is_described_with_its_parameter_sets() -> None:
    track = VideoTrack(Codec.H264, annexb.join([SPS, PPS]), NAMES, 0, 0)

    text = describe([track], 7, "127.0.0.1").decode()

    sets = "Z0LAHg==,aM48gA=="
    assert text.split("\r\n") == [
        "v=0",
        "o=- 7 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        "m=video 0 RTP/AVP 96",
        "a=rtpmap:96 H264/90000",
        f"a=fmtp:96 packetization-mode=1;profile-level-id=42C01E;sprop-parameter-sets={sets}",
        "a=control:trackID=0",
        "",
    ]


def test_h265_is_described_with_all_three_sets_or_not_at_all() -> None:
    sets = [bytes.fromhex(text) for text in ("40010c", "420101", "4401c0")]
    track = VideoTrack(Codec.H265, annexb.join(sets), NAMES, 0, 0)

    assert track.description()[2] == "a=fmtp:96 sprop-vps=QAEM;sprop-sps=QgEB;sprop-pps=RAHA"
    with pytest.raises(ProtocolError):
        VideoTrack(Codec.H265, annexb.join(sets[:2]), NAMES, 0, 0).description()


def test_a_picture_is_numbered_and_its_last_packet_marked() -> None:
    track = VideoTrack(Codec.H264, b"", NAMES, 0xFFFF, 1_000)
    picture = AccessUnit(Codec.H264, 0, annexb.join([b"\x41" + b"\x01" * 1_500]), False, 2.0)

    packets = track.packets(picture, track.place(picture))

    first, second = packets.packets
    # Two seconds at 90 kHz behind the first timestamp; the number wraps.
    assert first[:12] == bytes.fromhex("8060ffff0002c30801020304")
    assert second[:12] == bytes.fromhex("80e000000002c30801020304")
    assert first[12:14] == bytes.fromhex("5c81")
    assert len(first) == 12 + 1_388
    assert packets.octets == 2 * 2 + 1_500


def test_aac_is_described_and_packed_behind_access_unit_headers() -> None:
    track = AudioTrack(AudioFormat(Codec.AAC, 16_000, 1), NAMES, 5, 0)
    # ADTS of 16 kHz mono, 107 bytes with its header of seven; twice.
    frame = bytes.fromhex("fff160400d7ffc") + bytes(range(100))

    made = track.packets(AccessUnit(Codec.AAC, 0, frame * 2, False, 1.0), None)

    lengths = "sizelength=13;indexlength=3;indexdeltalength=3"
    assert track.description() == [
        "m=audio 0 RTP/AVP 97",
        "a=rtpmap:97 mpeg4-generic/16000/1",
        f"a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;config=1408;{lengths}",
        "a=control:trackID=1",
    ]
    (first,), (second,) = (each.packets for each in made)
    assert first == bytes.fromhex("80e1000500003e800102030400100320") + bytes(range(100))
    assert second[:12] == bytes.fromhex("80e100060000428001020304")


def test_g711_counts_samples_and_is_cut_where_it_is_long() -> None:
    track = AudioTrack(AudioFormat(Codec.PCMA, 8_000, 1), NAMES, 0, 0)

    made = track.packets(AccessUnit(Codec.PCMA, 0, bytes(1_400), False, 1.0), None)

    assert track.description() == [
        "m=audio 0 RTP/AVP 8",
        "a=rtpmap:8 PCMA/8000",
        "a=control:trackID=1",
    ]
    assert [each.packets[0][:12].hex() for each in made] == [
        "8008000000001f4001020304",
        "80080001000024ac01020304",
    ]
    assert [each.octets for each in made] == [1_388, 12]
