"""One stream to many viewers: what each is sent, resent and asked for, before encryption."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from itertools import count, pairwise

import pytest
import pytest_asyncio
from aiortc.codecs.h264 import h264_depayload
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    unwrap_rtx,
)

from media.codecs import annexb
from media.door import KeyPictureWanted, MediaError, MediaEvent, StreamId, ViewerId
from media.ffmpeg import decode_picture, open_video_decoder
from media.hub import Hub
from media.outputs.webrtc_leaf import PayloadTypes
from media.outputs.webrtc_stream import WebRtcStream
from media.outputs.webrtc_viewer import (
    CATCH_UP_TICKS,
    PUMP_PACKETS,
    RESENDS_PER_TICK,
    Viewer,
)
from media.rtp.depacketise import ElementaryDepacketiser
from media.transcoding.pool import TranscoderPool
from media.unit import AccessUnit, AudioFormat, Codec
from media.variants import Variants
from tests.support.units import number_of, tone_units, video_units
from tests.support.waiting import until

VIDEO_PT, RTX_PT, PCMA_PT, H265_PT = 108, 109, 8, 49


class Screen:
    """A viewer's end of the wire, without encryption."""

    def __init__(
        self,
        name: str,
        *,
        rtx: bool = True,
        video_pt: int = VIDEO_PT,
        h265_pt: int | None = None,
        audio: Mapping[Codec, int] | None = None,
        will_do_with_keys: bool = False,
    ) -> None:
        self.name = name
        self.wire: list[bytes] = []
        self.is_full = False
        self._will_do_with_keys = will_do_with_keys
        self._video_pt = video_pt
        self._video = {Codec.H264: PayloadTypes(video_pt, RTX_PT if rtx else None)}
        if h265_pt is not None:
            self._video[Codec.H265] = PayloadTypes(h265_pt, None)
        self._audio = {Codec.PCMA: PCMA_PT} if audio is None else audio

    def viewer(self, stream: WebRtcStream) -> Viewer:
        viewer = Viewer(
            ViewerId(self.name),
            stream.names,
            video=self._video,
            audio_payload_types=self._audio,
            first_sound=0,
            connected_s=0.0,
            remote=lambda: "127.0.0.1:9",
            will_do_with_keys=self._will_do_with_keys,
        )
        viewer.attach(self._take, bytes, bytes)
        return viewer

    def packets(self, payload_type: int | None = None) -> list[RtpPacket]:
        """RTP as another implementation reads it."""
        wanted = self._video_pt if payload_type is None else payload_type
        parsed = [RtpPacket.parse(data) for data in self.wire if not 192 <= data[1] < 224]
        return [packet for packet in parsed if packet.payload_type == wanted]

    def reports(self) -> list[RtcpSrPacket]:
        """The sender reports."""
        compounds = [RtcpPacket.parse(data) for data in self.wire if 192 <= data[1] < 224]
        return [one for compound in compounds for one in compound if isinstance(one, RtcpSrPacket)]

    def numbers(self) -> list[int]:
        """What a decoder shows of the packets received."""
        decoder = open_video_decoder(Codec.H264)
        seen: list[int] = []
        picture = b""
        for packet in sorted(self.packets(), key=lambda packet: packet.sequence_number):
            picture += h264_depayload(packet.payload)
            if packet.marker:
                unit = AccessUnit(Codec.H264, packet.timestamp, picture, False, 0.0)
                seen += [number_of(frame) for frame in decode_picture(decoder, unit)]
                picture = b""
        return seen + [number_of(frame) for frame in decode_picture(decoder, None)]

    def _take(self, datagrams: Sequence[bytes]) -> int:
        if self.is_full:
            return 0
        self.wire += datagrams
        return len(datagrams)


class Desk:
    """A stream with a clock and its events."""

    def __init__(self, video_limit: int = 1) -> None:
        self.seconds = 0.0
        self.events: list[MediaEvent] = []
        self.refused: list[ViewerId] = []
        numbers = count(1_000)
        self.hub = Hub(self.now)
        self.pool = TranscoderPool(video_limit)
        wanted = KeyPictureWanted(StreamId("stream"))
        self.variants = Variants(self.hub, self.pool, lambda: self.events.append(wanted))
        self.stream = WebRtcStream(
            StreamId("stream"),
            self.variants,
            now=self.now,
            dice=lambda: next(numbers),
            on_no_place=self._on_no_place,
        )

    def now(self) -> float:
        return self.seconds

    def publish(self, *units: AccessUnit) -> None:
        """Units as they arrive, each when it was made."""
        for unit in units:
            self.seconds = max(self.seconds, unit.received_s)
            if unit.codec.is_video and unit.is_key:
                self.hub.video = annexb.video_format(unit.codec, unit.data) or self.hub.video
            self.hub.publish(unit)

    def join(self, screen: Screen) -> Viewer:
        viewer = screen.viewer(self.stream)
        self.stream.reserve(viewer)
        self.stream.add(viewer)
        return viewer

    async def close(self) -> None:
        self.stream.close()
        await self.pool.close()

    def _on_no_place(self, viewer: Viewer) -> None:
        self.refused.append(viewer.viewer_id)
        self.stream.remove(viewer)


@pytest_asyncio.fixture
async def desk() -> AsyncGenerator[Desk]:
    """It gives back what it holds."""
    desk = Desk()
    yield desk
    await desk.close()
    assert desk.hub.reader_count == 0
    assert desk.pool.in_use == 0


def picture_loss(desk: Desk) -> bytes:
    ssrc = desk.stream.names.video_ssrc
    return bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=ssrc))


def nack(desk: Desk, *sequences: int) -> bytes:
    ssrc = desk.stream.names.video_ssrc
    return bytes(
        RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=ssrc, lost=list(sequences))
    )


async def test_every_viewer_sees_every_picture_under_its_own_payload_type(desk: Desk) -> None:
    screens = [Screen("a"), Screen("b"), Screen("c", video_pt=96)]
    for screen in screens:
        desk.join(screen)

    desk.publish(*video_units(Codec.H264, 40))

    assert [screen.numbers() for screen in screens] == [list(range(40))] * 3
    timestamps = [packet.timestamp for packet in screens[0].packets() if packet.marker]
    assert {after - before for before, after in pairwise(timestamps)} == {3_600}


async def test_a_late_viewer_begins_with_the_last_key_picture_and_misses_nothing(
    desk: Desk,
) -> None:
    units = video_units(Codec.H264, 70, group=50)
    desk.publish(*units[:60])
    screen = Screen("late")

    desk.join(screen)
    assert screen.numbers() == list(range(50, 60))
    desk.publish(*units[60:])

    assert screen.numbers() == list(range(50, 70))
    timestamps = [packet.timestamp for packet in screen.packets() if packet.marker]
    steps = [after - before for before, after in pairwise(timestamps)]
    assert steps == [CATCH_UP_TICKS] * 9 + [3_600] * 10


@pytest.mark.parametrize("returns_at", [40, 60])
async def test_whoever_comes_after_the_last_viewer_left_begins_with_a_whole_group(
    desk: Desk, returns_at: int
) -> None:
    units = video_units(Codec.H264, 70, group=50)
    first, second = Screen("first"), Screen("second")
    viewer = desk.join(first)
    desk.publish(*units[:20])
    desk.stream.remove(viewer)
    desk.publish(*units[20:returns_at])

    desk.join(second)
    desk.publish(*units[returns_at:])

    assert first.numbers() == list(range(20))
    wanted = list(range(0 if returns_at < 50 else 50, 70))
    await until(lambda: len(second.packets()) >= len(wanted))
    assert second.numbers() == wanted


async def test_a_large_key_picture_is_sent_in_portions_and_arrives_whole(desk: Desk) -> None:
    units = video_units(Codec.H264, 5, width=960, height=540, noise=True)
    screen = Screen("a")
    desk.join(screen)

    desk.publish(units[0])
    assert len(screen.packets()) == PUMP_PACKETS
    desk.publish(*units[1:])
    await until(lambda: len([1 for packet in screen.packets() if packet.marker]) == 5)

    assert screen.numbers() == list(range(5))


async def test_a_full_socket_delays_packets_and_loses_none(desk: Desk) -> None:
    screen = Screen("a")
    desk.join(screen)
    units = video_units(Codec.H264, 10)
    desk.publish(*units[:3])
    screen.is_full = True
    desk.publish(*units[3:8])
    screen.is_full = False

    desk.publish(*units[8:])
    await until(lambda: len([1 for packet in screen.packets() if packet.marker]) == 10)

    assert screen.numbers() == list(range(10))


async def test_a_viewer_too_far_behind_goes_on_with_a_key_picture(desk: Desk) -> None:
    screen = Screen("a")
    viewer = desk.join(screen)
    units = video_units(Codec.H264, 60, group=50, width=960, height=540, noise=True)
    desk.publish(units[0])
    screen.is_full = True
    for _ in range(4):
        desk.publish(*units[1:50])
    await until(lambda: viewer.cursor is None)
    screen.is_full = False

    desk.stream.tick()
    assert desk.events == [KeyPictureWanted(StreamId("stream"))]
    before = len(screen.wire)
    desk.publish(*units[50:])
    await until(lambda: len([1 for packet in screen.packets() if packet.marker]) == 10)

    assert viewer.pictures_dropped > 0
    assert RtpPacket.parse(screen.wire[before]).payload[0] & 0x1F == 24


@pytest.mark.parametrize("rtx", [True, False])
async def test_lost_packets_are_sent_again_and_the_pictures_are_whole(
    desk: Desk, rtx: bool
) -> None:
    screen = Screen("a", rtx=rtx)
    viewer = desk.join(screen)
    desk.publish(*video_units(Codec.H264, 30, noise=True, width=240, height=136))
    lost = [data for data in screen.wire[3:] if not 192 <= data[1] < 224][::7]
    for data in lost:
        screen.wire.remove(data)

    numbers = [int.from_bytes(data[2:4]) for data in lost]
    desk.stream.receive_feedback(viewer, nack(desk, *numbers))

    if rtx:
        resent = [unwrap_rtx(one, VIDEO_PT, 0) for one in screen.packets(RTX_PT)]
        assert [one.sequence_number for one in resent] == numbers
        assert [one.payload for one in resent] == [RtpPacket.parse(one).payload for one in lost]
        screen.wire += lost
    else:
        assert screen.wire[-len(lost) :] == lost
    assert screen.numbers() == list(range(30))


async def test_packets_not_sent_yet_or_long_gone_are_not_sent_again(desk: Desk) -> None:
    screen = Screen("a")
    viewer = desk.join(screen)
    desk.publish(*video_units(Codec.H264, 3))
    last = screen.packets()[-1].sequence_number
    before = len(screen.wire)

    desk.stream.receive_feedback(viewer, nack(desk, (last + 30_000) & 0xFFFF))
    desk.stream.receive_feedback(viewer, nack(desk, (last - 3_000) & 0xFFFF))
    desk.stream.receive_feedback(viewer, nack(desk, last + 1))

    assert len(screen.wire) == before


async def test_nacks_are_answered_within_reason(desk: Desk) -> None:
    screen = Screen("a")
    viewer = desk.join(screen)
    desk.publish(*video_units(Codec.H264, 20))
    sequences = [packet.sequence_number for packet in screen.packets()]

    for _ in range(200):
        desk.stream.receive_feedback(viewer, nack(desk, *sequences))

    assert len(screen.packets(RTX_PT)) == RESENDS_PER_TICK
    desk.stream.tick()
    desk.stream.receive_feedback(viewer, nack(desk, sequences[0]))
    assert len(screen.packets(RTX_PT)) == RESENDS_PER_TICK + 1


async def test_a_viewer_that_cannot_go_on_is_shown_the_last_group_again(desk: Desk) -> None:
    screen = Screen("a")
    viewer = desk.join(screen)
    units = video_units(Codec.H264, 25, group=100)
    desk.publish(*units[:20])
    seen = len(screen.wire)

    desk.stream.receive_feedback(viewer, picture_loss(desk))
    desk.publish(*units[20:])

    numbers = [packet.sequence_number for packet in screen.packets()]
    assert [after - before for before, after in pairwise(numbers)] == [1] * (len(numbers) - 1)
    timestamps = [packet.timestamp for packet in screen.packets() if packet.marker]
    assert timestamps == sorted(set(timestamps))
    del screen.wire[:seen]
    assert screen.numbers() == list(range(25))
    assert desk.events == []


async def test_a_packet_shown_again_is_asked_for_under_its_new_number(desk: Desk) -> None:
    screen = Screen("a")
    viewer = desk.join(screen)
    desk.publish(*video_units(Codec.H264, 20, group=100))
    old = screen.packets()[-1].sequence_number
    desk.stream.receive_feedback(viewer, picture_loss(desk))
    new = screen.packets()[-1]

    desk.stream.receive_feedback(viewer, nack(desk, old, new.sequence_number))

    [again] = screen.packets(RTX_PT)
    assert unwrap_rtx(again, VIDEO_PT, new.ssrc).serialize() == new.serialize()


async def test_the_camera_is_asked_once_a_second_when_that_was_no_help(desk: Desk) -> None:
    viewers = [desk.join(Screen(name)) for name in "abc"]
    desk.publish(*video_units(Codec.H264, 20))
    wanted = KeyPictureWanted(StreamId("stream"))

    for _ in range(2):
        for viewer in viewers * 5:
            desk.stream.receive_feedback(viewer, picture_loss(desk))
        desk.seconds += 0.6
    assert desk.events == [wanted]

    desk.seconds += 0.6
    desk.stream.receive_feedback(viewers[0], picture_loss(desk))
    assert desk.events == [wanted, wanted]


async def test_a_group_too_large_to_be_shown_again_is_left_to_the_camera(desk: Desk) -> None:
    viewer = desk.join(Screen("a"))
    desk.publish(*video_units(Codec.H264, 30, group=50, noise=True))

    desk.stream.receive_feedback(viewer, picture_loss(desk))

    assert desk.events == [KeyPictureWanted(StreamId("stream"))]


async def test_a_viewer_that_has_just_been_sent_a_key_picture_is_asked_for_patience(
    desk: Desk,
) -> None:
    desk.publish(*video_units(Codec.H264, 20))
    viewer = desk.join(Screen("a"))

    desk.stream.receive_feedback(viewer, picture_loss(desk))

    assert desk.events == []


async def test_a_damaged_picture_leads_to_a_key_picture(desk: Desk) -> None:
    desk.join(Screen("a"))
    units = video_units(Codec.H264, 3)
    units[2].is_damaged = True

    desk.publish(*units)

    assert desk.events == [KeyPictureWanted(StreamId("stream"))]


async def test_the_loss_that_a_viewer_reports_is_in_its_figures(desk: Desk) -> None:
    screen = Screen("a")
    viewer = desk.join(screen)
    desk.publish(*video_units(Codec.H264, 20))
    ssrc = desk.stream.names.video_ssrc
    first, last = (screen.packets()[at].sequence_number for at in (0, -1))
    sent = last - first + 1

    # The fraction is of the last report, what counts is the share of all of the last seconds.
    for lost in (0, 1, 5):
        block = RtcpReceiverInfo(ssrc, 128, lost, last, 450, 0, 0)
        desk.stream.receive_feedback(viewer, bytes(RtcpRrPacket(ssrc=1, reports=[block])))

    (figures,) = desk.stream.figures()
    assert figures.lost_percent == pytest.approx(100 * 5 / sent)
    assert viewer.lost_fraction == 0.5
    assert figures.jitter_ms == 5.0
    assert figures.packets_sent == len(screen.packets())
    assert figures.viewer_id == "a"


async def test_the_rate_and_what_was_sent_again_are_in_the_figures(desk: Desk) -> None:
    screen = Screen("a", rtx=False)
    viewer = desk.join(screen)
    desk.stream.tick()
    desk.publish(*video_units(Codec.H264, 51, noise=True, width=240, height=136))
    sent = screen.packets()

    desk.stream.receive_feedback(viewer, nack(desk, *(one.sequence_number for one in sent[:5])))

    (figures,) = desk.stream.figures()
    octets = sum(len(one.payload) for one in (*sent, *sent[:5]))
    # 50 pictures later, at 25 a second; headers count for nothing.
    assert figures.bitrate_bps == pytest.approx(8 * octets / 2.0, rel=0.02)
    assert figures.resent == 5
    assert figures.lost_percent == pytest.approx(100 * 5 / len(sent))


async def test_sound_and_pictures_share_one_clock_in_the_sender_reports(desk: Desk) -> None:
    screen = Screen("a")
    desk.join(screen)
    desk.hub.audio = AudioFormat(Codec.PCMA, 8_000, 1)
    units = [*video_units(Codec.H264, 25), *tone_units(Codec.PCMA, 1.0)]
    desk.publish(*sorted(units, key=lambda unit: unit.pts))
    desk.stream.tick()

    video, audio = screen.reports()[-2:]
    sound, pictures = screen.packets(PCMA_PT), screen.packets()

    # How far the first packet of each lies before its report, in seconds of the shared clock.
    def begins(report: RtcpSrPacket, packet: RtpPacket, rate_hz: int) -> float:
        ticks = (report.sender_info.rtp_timestamp - packet.timestamp) & 0xFFFFFFFF
        return report.sender_info.ntp_timestamp / (1 << 32) - ticks / rate_hz

    assert begins(video, pictures[0], 90_000) == pytest.approx(0.0, abs=1e-3)
    assert begins(audio, sound[0], 8_000) == pytest.approx(0.0, abs=1e-3)
    assert {len(packet.payload) for packet in sound} == {160}
    assert b"".join(packet.payload for packet in sound) == b"".join(
        unit.data for unit in units if unit.codec is Codec.PCMA
    )


async def test_sound_of_another_rate_than_agreed_is_left_out(desk: Desk) -> None:
    listener = Screen("a")
    desk.join(listener)
    desk.publish(*tone_units(Codec.PCMA, 0.2))
    assert len(listener.packets(PCMA_PT)) == 10

    desk.hub.audio = AudioFormat(Codec.PCMA, 16_000, 1)
    desk.publish(*tone_units(Codec.PCMA, 0.2))

    assert len(listener.packets(PCMA_PT)) == 10


async def test_h265_is_made_into_h264_once_for_all_who_cannot_take_it(desk: Desk) -> None:
    units = video_units(Codec.H265, 40, group=50)
    desk.publish(*units[:20])
    assert desk.pool.in_use == 0

    first, second = Screen("first"), Screen("second")
    one, other = desk.join(first), desk.join(second)
    await until(lambda: bool(first.packets() and second.packets()))
    assert desk.pool.in_use == 1
    desk.publish(*units[20:])
    await until(lambda: max(first.numbers(), default=0) == 39)

    assert first.numbers() == second.numbers() == list(range(19, 40))
    assert [figures.delivery for figures in desk.stream.figures()] == ["transcoded"] * 2
    desk.stream.remove(one)
    assert desk.pool.in_use == 1
    desk.stream.remove(other)
    assert desk.pool.in_use == 0


async def test_h265_is_passed_to_who_can_take_it(desk: Desk) -> None:
    units = video_units(Codec.H265, 12, noise=True)
    desk.publish(*units[:5])
    screen = Screen("a", h265_pt=H265_PT)

    desk.join(screen)
    desk.publish(*units[5:])
    await until(lambda: len([1 for one in screen.packets(H265_PT) if one.marker]) == 12)

    assert pictures_of(screen.packets(H265_PT)) == [annexb.nal_units(unit.data) for unit in units]
    assert desk.pool.in_use == 0
    assert desk.stream.figures()[0].delivery == "passed"


def pictures_of(packets: Sequence[RtpPacket]) -> list[list[bytes]]:
    """The NAL units of each H.265 picture."""
    depacketiser = ElementaryDepacketiser(Codec.H265)
    return [
        annexb.nal_units(frame.data)
        for one in packets
        for frame in depacketiser.feed(one.payload, one.timestamp, bool(one.marker), 0.0)
    ]


async def test_a_camera_that_changes_its_coding_is_followed_without_a_gap(desk: Desk) -> None:
    older, newer = video_units(Codec.H264, 10), video_units(Codec.H265, 10)
    for unit in newer:
        unit.pts += 10 * 3_600
        unit.received_s += 0.4
    able, unable = Screen("able", h265_pt=H265_PT), Screen("unable")
    for screen in (able, unable):
        desk.join(screen)
    desk.publish(*older)

    desk.publish(*newer)
    await until(lambda: max(unable.numbers()[10:], default=0) == 9)

    # Pictures that wait for a transcoder to begin may be left out; none is shown twice.
    assert unable.numbers()[:10] == list(range(10))
    assert unable.numbers()[10:] == sorted(set(unable.numbers()[10:]))
    assert [len(pictures_of(able.packets(H265_PT))), len(able.packets())] == [10, 10]
    for screen in (able, unable):
        numbers = [one.sequence_number for one in (*screen.packets(), *screen.packets(H265_PT))]
        assert [after - before for before, after in pairwise(numbers)] == [1] * (len(numbers) - 1)


async def test_a_transcoded_stream_makes_its_key_pictures_itself(desk: Desk) -> None:
    units = video_units(Codec.H265, 40, group=50)
    screen = Screen("a")
    viewer = desk.join(screen)
    desk.publish(*units[:10])
    await until(lambda: max(screen.numbers(), default=0) == 9)
    desk.seconds += 5
    desk.stream.receive_feedback(viewer, picture_loss(desk))
    desk.seconds += 1
    before = len(desk.events)

    desk.stream.receive_feedback(viewer, picture_loss(desk))
    desk.publish(*units[10:])
    await until(lambda: max(screen.numbers(), default=0) == 39)

    assert len(desk.events) == before


async def test_without_a_free_transcoder_it_is_said_before_and_after() -> None:
    desk = Desk(video_limit=0)
    units = video_units(Codec.H265, 3)
    desk.join(Screen("early"))
    desk.publish(*units)

    assert desk.refused == ["early"]
    with pytest.raises(MediaError):
        desk.join(Screen("late"))
    await desk.close()


async def test_who_will_do_with_key_pictures_gets_those_where_all_cannot_be_made() -> None:
    desk = Desk(video_limit=0)
    units = video_units(Codec.H265, 30, group=10)
    desk.publish(units[0])
    screen = Screen("a", will_do_with_keys=True)

    desk.join(screen)
    # Of what comes while the process starts only the last is made.
    await until(lambda: screen.numbers() == [0])
    desk.publish(*units[1:])
    await until(lambda: screen.numbers() == [0, 10, 20])

    assert desk.stream.figures()[0].delivery == "key_pictures"
    await desk.close()


async def test_aac_reaches_the_viewer_as_opus(desk: Desk) -> None:
    screen = Screen("a", audio={Codec.OPUS: 111})
    desk.join(screen)

    desk.publish(*tone_units(Codec.AAC, 1.5))
    await until(lambda: len(screen.packets(111)) > 20)

    timestamps = [packet.timestamp for packet in screen.packets(111)]
    assert {after - before for before, after in pairwise(timestamps)} == {960}
