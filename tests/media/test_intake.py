"""A device's packets from the port to the hub, on a clock of the test's own."""

from itertools import pairwise

import pytest

from media.door import (
    ContainerParsed,
    FirstPacket,
    FirstPicture,
    MediaEnded,
    MediaResumed,
    MediaSilent,
    SsrcMatched,
    Transport,
)
from media.intake import REPORT_INTERVAL_S, SILENT_AFTER_S
from media.ps.mux import PsMuxer, pack_header, pes
from media.rtp.latch import GRACE_S, SILENCE_S
from media.rtp.packet import build
from media.rtp.reorder import WAIT_S
from media.rtp.rtcp import parse as parse_rtcp
from media.unit import PTS_HZ, PTS_MODULUS, Codec
from tests.media.intake_port import DEVICE, SSRC, STRANGER, STREAM, Port
from tests.media.ps.streams import IDR, KEY, KEY_265, PPS, SLICE, SLICE_265, SPS
from tests.media.ts.streams import ASSOCIATION, VIDEO_PID, pes_packets, program_map

SENDER_REPORT = bytes.fromhex("80C800060BEBC201E8A1B2C3D4E5F607000DC9B00000006400002710")


def test_the_events_of_a_stream_come_once_each_and_in_order() -> None:
    port = Port()
    port.intake.expect(SSRC, DEVICE[0])

    port.pictures(8)

    assert port.events == [
        FirstPacket(STREAM, "192.0.2.7:15060"),
        SsrcMatched(STREAM, SSRC, was_expected=True),
        ContainerParsed(STREAM, "ps"),
        FirstPicture(STREAM, "h264", 320, 240),
    ]
    assert len(port.taken()) == 8


def test_packets_that_come_before_the_answer_are_not_lost() -> None:
    port = Port()

    port.pictures(1)
    port.intake.expect(SSRC, DEVICE[0])
    port.pictures(3, first=1)

    assert len(port.taken()) == 4


def test_packets_of_other_hosts_are_counted_and_dropped() -> None:
    port = Port()
    port.intake.expect(SSRC, DEVICE[0])

    port.pictures(4, source=STRANGER)

    assert port.taken() == []
    assert port.intake.figures().foreign > 0
    assert port.events == [FirstPacket(STREAM, "192.0.2.66:15060")]


def test_a_stranger_that_came_first_is_let_go_when_the_answer_names_the_device() -> None:
    port = Port()
    port.pictures(4, source=STRANGER)
    port.reader.take()

    port.intake.expect(SSRC, DEVICE[0])
    port.pictures(4)

    assert len(port.taken()) == 4
    assert port.intake.remote_address == "192.0.2.7:15060"


def test_the_only_other_ssrc_of_the_device_is_learnt_and_nothing_of_it_is_lost() -> None:
    port = Port()
    port.intake.expect(SSRC, DEVICE[0])

    port.pictures(int(GRACE_S / 0.04) + 3, ssrc=0)

    assert SsrcMatched(STREAM, 0, was_expected=False) in port.events
    assert len(port.taken()) == int(GRACE_S / 0.04) + 3


def test_a_stranger_s_stream_that_was_learnt_gives_way_to_the_expected_one() -> None:
    port = Port()
    port.intake.expect(SSRC, None)
    port.pictures(int(GRACE_S / 0.04) + 3, ssrc=666, source=STRANGER)
    assert port.intake.remote_address == "192.0.2.66:15060"

    port.pictures(2)
    port.pictures(2, ssrc=666, source=STRANGER)

    assert port.intake.ssrc == SSRC
    assert port.intake.remote_address == "192.0.2.7:15060"


def test_of_two_other_ssrcs_neither_is_learnt_until_one_stops() -> None:
    port = Port()
    port.intake.expect(SSRC, DEVICE[0])
    muxer = PsMuxer(Codec.H264)
    key = muxer.picture(KEY, 0, is_key=True)
    for _ in range(50):
        port.receive(port.packets(key, ssrc=8))
        port.receive(port.packets(key, ssrc=9))
        port.pass_time(0.04)
    assert port.intake.ssrc is None

    for number in range(int(SILENCE_S / 0.04) + 5):
        port.receive(port.packets(key, ssrc=9, timestamp=number * 3600))
        port.pass_time(0.04)

    assert port.intake.ssrc == 9


def test_the_expected_ssrc_wins_over_one_that_came_before_it() -> None:
    port = Port()
    port.intake.expect(SSRC, DEVICE[0])
    port.pictures(3, ssrc=9)

    port.pictures(4)

    assert port.intake.ssrc == SSRC
    assert [unit.data for unit in port.taken()] == [KEY, SLICE, SLICE, SLICE]


def test_another_ssrc_in_mid_stream_is_followed_after_a_silence_only() -> None:
    port = Port()
    port.pictures(4)
    port.pictures(4, ssrc=9)
    assert port.intake.ssrc == SSRC

    port.pass_time(SILENCE_S)
    port.sequence = 20_000
    port.pictures(4, ssrc=9)

    assert port.intake.ssrc == 9
    assert len(port.taken()) == 8
    assert port.intake.figures().lost == 0


def test_another_port_of_the_device_is_followed_after_a_silence_only() -> None:
    port = Port()
    moved = (DEVICE[0], 40_000)
    port.pictures(4)
    port.receive(port.packets(PsMuxer(Codec.H264).picture(KEY, 0, is_key=True)), moved)
    assert port.intake.remote_address == "192.0.2.7:15060"

    port.pass_time(SILENCE_S)
    port.pictures(4, source=moved)
    port.pass_time(WAIT_S)

    assert port.intake.remote_address == "192.0.2.7:40000"
    assert len(port.taken()) == 8


def test_lost_packets_damage_their_picture_which_is_no_key_picture_to_begin_with() -> None:
    port = Port()
    key = PsMuxer(Codec.H264).picture(KEY, 0, is_key=True)
    port.receive([p for n, p in enumerate(port.packets(key)) if n != 2])

    port.pictures(4, first=4)
    port.pass_time(WAIT_S)

    assert [unit.is_damaged for unit in port.taken()] == [False] * 4
    assert port.hub.key_picture is not None
    assert not port.hub.key_picture.is_damaged
    figures = port.intake.figures()
    assert (figures.lost, figures.damaged_units, figures.key_pictures) == (1, 1, 1)


def test_packets_out_of_order_and_twice_make_the_same_pictures() -> None:
    port = Port()
    muxer = PsMuxer(Codec.H264)
    packets = [
        packet
        for number in range(8)
        for packet in port.packets(
            muxer.picture(SLICE if number % 4 else KEY, number * 3600, is_key=not number % 4),
            timestamp=number * 3600,
        )
    ]
    shuffled = [packets[0]]
    for first, second in zip(packets[1::2], packets[2::2], strict=False):
        shuffled += [second, first, first]
    port.receive(shuffled)
    port.receive(packets[-1:])

    assert [unit.data for unit in port.taken()] == [KEY, SLICE, SLICE, SLICE] * 2
    figures = port.intake.figures()
    assert figures.lost == 0
    assert figures.reordered > 0
    assert figures.duplicates >= len(packets) // 2 - 1


def test_a_silence_is_told_once_a_silence() -> None:
    port = Port()
    port.pictures(2)
    for _ in range(100):
        port.pass_time(SILENT_AFTER_S / 20)
    port.pictures(2, first=4)
    port.pass_time(SILENT_AFTER_S)
    port.pass_time(SILENT_AFTER_S)

    told = [type(event) for event in port.events][-3:]
    assert told == [MediaSilent, MediaResumed, MediaSilent]


def test_a_silence_is_told_four_seconds_after_the_last_packet() -> None:
    port = Port()
    port.pictures(1)
    for _ in range(39):
        port.pass_time(0.1)
    assert not any(isinstance(event, MediaSilent) for event in port.events)
    port.pass_time(0.1)

    assert isinstance(port.events[-1], MediaSilent)


def test_a_device_that_is_asked_again_begins_anew_before_the_same_readers() -> None:
    port = Port()
    port.intake.expect(SSRC, DEVICE[0])
    port.pictures(6, first=1000)
    port.pass_time(SILENT_AFTER_S)
    before = port.taken()
    assert isinstance(port.events[-1], MediaSilent)

    port.intake.expect(SSRC + 1, DEVICE[0])
    # What it sends first builds on pictures nobody has seen, and its clock begins at zero.
    port.pictures(8, first=1, ssrc=SSRC + 1, source=(DEVICE[0], 15_062))

    after = port.taken()
    assert [unit.is_key for unit in after] == [True, False, False, False, True]
    assert after[0].pts - before[-1].pts == pytest.approx(
        (SILENT_AFTER_S + 4 * 0.04) * PTS_HZ, abs=7200
    )
    assert all(one.pts < two.pts for one, two in pairwise(before + after))
    assert port.events[-1:] == [MediaResumed(STREAM)]
    assert port.intake.ssrc == SSRC + 1


def test_an_answer_that_names_what_runs_already_disturbs_nothing() -> None:
    port = Port()
    port.intake.expect(SSRC, DEVICE[0])
    port.pictures(2)
    port.intake.expect(SSRC, DEVICE[0])
    port.pictures(2, first=2)

    assert len(port.taken()) == 4


def test_a_port_that_never_heard_anything_is_not_silent() -> None:
    port = Port()
    port.pass_time(100)

    assert port.events == []
    assert port.intake.figures().last_packet_age_s is None


def test_times_go_on_over_the_wrap_of_the_clock() -> None:
    port = Port()
    muxer = PsMuxer(Codec.H264)
    for number in range(4):
        pts = PTS_MODULUS - 5400 + number * 3600
        port.receive(port.packets(muxer.picture(KEY, pts, is_key=True), timestamp=pts))

    times = [unit.pts for unit in port.taken()]
    assert [later - times[0] for later in times] == [0, 3600, 7200, 10_800]


@pytest.mark.parametrize("pts", [0, None])
def test_without_a_clock_in_the_container_the_rtp_timestamps_count(pts: int | None) -> None:
    port = Port()
    for number in range(4):
        pack = pack_header(0) + pes(0xE0, KEY, pts)
        port.receive(port.packets(pack, timestamp=number * 3600))

    times = [unit.pts for unit in port.taken()]
    assert [later - times[0] for later in times] == [3600 * n for n in range(len(times))]


def test_a_clock_that_jumps_leaves_no_gap_in_time() -> None:
    port = Port()
    muxer = PsMuxer(Codec.H264)
    for number, pts in enumerate((0, 3600, 900 * PTS_HZ, 900 * PTS_HZ + 3600)):
        port.receive(port.packets(muxer.picture(KEY, pts, is_key=True), timestamp=number * 3600))

    assert [unit.pts for unit in port.taken()] == [0, 3600, 7200, 10_800]


def test_parameter_sets_that_were_sent_apart_travel_with_every_key_picture() -> None:
    port = Port()
    for number, data in enumerate((SPS + PPS, IDR, SLICE, IDR)):
        pack = pack_header(0) + pes(0xE0, data, number * 3600)
        port.receive(port.packets(pack, timestamp=number * 3600))

    assert [unit.data for unit in port.taken()] == [KEY, SLICE, KEY]


def test_a_codec_that_changes_at_run_time_changes_the_format() -> None:
    port = Port()
    for number, (codec, data) in enumerate(((Codec.H264, KEY), (Codec.H265, KEY_265))):
        pack = PsMuxer(codec).picture(data, number * 3600, is_key=True)
        port.receive(port.packets(pack, timestamp=number * 3600))

    assert [unit.codec for unit in port.taken()] == [Codec.H264, Codec.H265]


def test_h264_directly_in_rtp_is_recognised_whatever_its_payload_type() -> None:
    port = Port()
    sps, pps, idr = SPS[4:], PPS[4:], IDR[4:]
    stap = b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in (sps, pps))
    fragments = [
        bytes((0x7C, flags | 0x05)) + idr[1 + at : 1 + at + 20]
        for flags, at in ((0x80, 0), (0x00, 20), (0x40, 40))
    ]
    for number, payload in enumerate([stap, *fragments]):
        raw = build(
            payload,
            payload_type=96,
            marker=number == 3,
            sequence=number,
            timestamp=0,
            ssrc=SSRC,
        )
        port.intake.receive(raw, DEVICE)

    assert [unit.data for unit in port.taken()] == [KEY]
    assert ContainerParsed(STREAM, "h264") in port.events


def test_h265_directly_in_rtp_is_recognised_too() -> None:
    port = Port()
    vps, idr = KEY_265.split(b"\x00\x00\x00\x01")[1:]
    aggregate = b"\x60\x01" + b"".join(
        len(unit).to_bytes(2, "big") + unit for unit in (vps, SLICE_265[4:])
    )
    fragments = [
        b"\x62\x01" + bytes((flags | 19,)) + idr[2 + at : 2 + at + 16]
        for flags, at in ((0x80, 0), (0x40, 16))
    ]
    for number, payload in enumerate([aggregate, *fragments]):
        timestamp = 0 if number == 0 else 3600
        port.intake.receive(
            build(
                payload,
                payload_type=100,
                marker=number in {0, 2},
                sequence=number,
                timestamp=timestamp,
                ssrc=SSRC,
            ),
            DEVICE,
        )

    assert port.intake.figures().container == "h265"
    assert port.intake.figures().damaged_units == 0


@pytest.mark.parametrize("payload_type", [33, 96])
def test_a_transport_stream_plays_whatever_its_payload_type(payload_type: int) -> None:
    port = Port()
    head = ASSOCIATION + program_map((0x1B, VIDEO_PID))
    for number, unit in enumerate((KEY, SLICE)):
        pictures = b"".join(pes_packets(VIDEO_PID, pes(0xE0, unit, number * 3600), number * 4))
        port.receive(port.packets(head + pictures, payload_type=payload_type, size=188 * 7))

    assert ContainerParsed(STREAM, "ts") in port.events
    assert [unit.data for unit in port.taken()] == [KEY, SLICE]
    assert FirstPicture(STREAM, "h264", 320, 240) in port.events


@pytest.mark.parametrize("sound_ssrc", [SSRC, 77], ids=["the same SSRC", "another SSRC"])
def test_g711_in_packets_of_its_own_beside_the_program_stream_is_heard(sound_ssrc: int) -> None:
    port = Port()
    muxer = PsMuxer(Codec.H264)
    for number in range(8):
        pack = muxer.picture(KEY, number * 3600, is_key=True)
        port.receive(port.packets(pack, timestamp=number * 3600))
        sound = build(
            b"\xd5" * 320,
            payload_type=8,
            marker=True,
            sequence=5000 + number,
            timestamp=number * 320,
            ssrc=sound_ssrc,
        )
        port.intake.receive(sound, DEVICE)
        port.pass_time(0.04)

    units = port.reader.take()
    sounds = [unit for unit in units if unit.codec is Codec.PCMA]
    assert len([unit for unit in units if unit.codec is Codec.H264]) == 8
    assert len(sounds) == 8
    assert {later.pts - earlier.pts for earlier, later in pairwise(sounds)} == {3600}
    assert port.intake.figures().damaged_units == 0
    assert port.hub.audio is not None


def test_a_receiver_report_goes_every_five_seconds_asked_for_or_not() -> None:
    port = Port()
    assert port.intake.report() is None
    port.pictures(4)
    port.now += REPORT_INTERVAL_S

    report = port.intake.report()

    assert report is not None
    packet, address = report
    assert address == ("192.0.2.7", 15_061)
    assert packet[1] == 201
    assert packet[8:12] == SSRC.to_bytes(4, "big")
    assert port.intake.report() is None


def test_reports_answer_the_sender_report_at_the_address_it_came_from() -> None:
    port = Port()
    port.pictures(4)
    port.intake.receive_rtcp(SENDER_REPORT, ("192.0.2.7", 9999))
    port.now += REPORT_INTERVAL_S

    report = port.intake.report()

    assert report is not None
    packet, address = report
    assert address == ("192.0.2.7", 9999)
    assert packet[24:28] == bytes.fromhex("B2C3D4E5")
    assert parse_rtcp(packet) == []


def test_rtcp_on_the_port_of_rtp_is_no_foreign_packet() -> None:
    port = Port()
    port.pictures(1)

    port.intake.receive(SENDER_REPORT, DEVICE)

    figures = port.intake.figures()
    assert (figures.foreign, port.intake.malformed) == (0, 0)


def test_what_is_no_rtp_is_counted() -> None:
    port = Port()

    port.receive([b"", b"GET / HTTP/1.1\r\n\r\n"])

    assert port.intake.malformed == 2


def test_rates_are_those_of_the_last_seconds() -> None:
    port = Port()
    port.pictures(25 * 12)

    figures = port.intake.figures()

    assert figures.frames_per_s == pytest.approx(25, abs=1)
    assert figures.bitrate_bps == pytest.approx(port.intake.payload_bytes * 8 / 12, rel=0.1)
    port.pass_time(1)
    for _ in range(8):
        port.pass_time(1)
    assert port.intake.figures().frames_per_s == 0


def test_on_a_connection_standing_sequence_numbers_do_no_harm() -> None:
    port = Port(Transport.TCP_PASSIVE)
    muxer = PsMuxer(Codec.H264)
    for number in range(4):
        port.sequence = 7
        pack = muxer.picture(KEY if not number else SLICE, number * 3600, is_key=not number)
        port.receive(port.packets(pack, timestamp=number * 3600, size=5000))

    assert [unit.is_damaged for unit in port.taken()] == [False] * 4


def test_a_connection_that_ends_gives_its_last_picture_and_may_be_followed_by_another() -> None:
    port = Port(Transport.TCP_PASSIVE)
    pack = PsMuxer(Codec.H264).picture(KEY, 0, is_key=True)
    port.receive(port.packets(pack, size=5000))
    port.intake.end()

    port.receive(port.packets(pack, timestamp=3600, size=5000), (DEVICE[0], 50_000))
    port.intake.end()

    assert len(port.taken()) == 2
    assert port.events[-1] == MediaEnded(STREAM)

    port.receive(port.packets(pack, timestamp=7200, size=5000), (DEVICE[0], 50_001))
    port.pass_time(0.05)
    assert port.events[-1:] == [MediaResumed(STREAM)]


def test_the_senders_of_a_port_are_told_apart() -> None:
    port = Port()
    port.intake.expect(SSRC, DEVICE[0])
    port.receive(port.packets(b"x" * 120, ssrc=7), STRANGER)
    port.pictures(4)
    port.receive(port.packets(b"y" * 60, ssrc=9))

    taken, stranger, other = port.intake.figures().sources

    assert (taken.remote_address, taken.ssrc, taken.is_taken) == ("192.0.2.7:15060", SSRC, True)
    assert taken.payload_type == 96
    assert (stranger.remote_address, stranger.ssrc, stranger.is_taken) == (
        "192.0.2.66:15060",
        7,
        False,
    )
    assert (stranger.packets, stranger.bytes) == (2, 120)
    assert (other.remote_address, other.ssrc, other.packets) == ("192.0.2.7:15060", 9, 1)


def test_a_scanner_of_many_addresses_fills_no_memory() -> None:
    port = Port()
    port.intake.expect(SSRC, DEVICE[0])

    for number in range(500):
        port.receive(port.packets(b"x", ssrc=number), ("192.0.2.66", 1024 + number))

    assert len(port.intake.figures().sources) == 8
    assert port.intake.figures().foreign == 500


def test_an_ssrc_that_was_learnt_is_named() -> None:
    port = Port()
    port.intake.expect(SSRC, None)
    port.pictures(40, ssrc=7)

    assert dict(port.intake.figures().tolerated)["other-ssrc"] == 1


def test_a_port_that_moved_is_named() -> None:
    port = Port()
    port.intake.expect(SSRC, DEVICE[0])
    port.pictures(4)
    port.pass_time(SILENCE_S)
    port.pictures(4, first=4, source=(DEVICE[0], 15_062))

    assert dict(port.intake.figures().tolerated)["source-moved"] == 1


def test_pictures_directly_in_the_program_stream_s_payload_type_are_named() -> None:
    port = Port()
    port.intake.expect(SSRC, DEVICE[0])
    for number, unit in enumerate((SPS, PPS, IDR)):
        port.receive(port.packets(unit.lstrip(b"\0")[1:], timestamp=0, size=200 + number))

    assert port.intake.container == "h264"
    assert dict(port.intake.figures().tolerated)["elementary-stream-as-ps"] == 1


def test_a_sender_without_reports_of_its_own_is_named() -> None:
    port = Port()
    port.intake.expect(SSRC, DEVICE[0])
    port.pictures(4)
    for _ in range(2):
        port.pass_time(REPORT_INTERVAL_S)
        assert port.intake.report() is not None

    assert dict(port.intake.figures().tolerated)["no-sender-reports"] == 1


def test_what_was_put_up_with_outlives_the_sender() -> None:
    port = Port(Transport.TCP_PASSIVE)
    port.intake.expect(SSRC, DEVICE[0])
    port.receive(port.packets(b"\0\0\1\xba" + pes(0xE0, KEY, 0) + pes(0xE0, SLICE, 3600)))
    assert "cut-pack-header" in port.intake.tolerated

    port.intake.end()

    assert "cut-pack-header" in port.intake.tolerated
