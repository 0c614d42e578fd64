"""HLS: where parts and segments end, and what the playlist says of them."""

import asyncio
import time
from collections.abc import Sequence

from media.hub import Hub
from media.outputs.configs import AudioConfig, Config, VideoConfig
from media.outputs.hls import HlsStream
from media.outputs.samples import Sample
from media.unit import Codec
from media.variants import Variants, Wanted

H264 = VideoConfig(Codec.H264, 640, 480, b"avcC", "avc1.42c01e")
AAC = AudioConfig(16_000, 1, b"\x14\x08", "mp4a.40.2")
INTERVAL = 3_600


def stream() -> HlsStream:
    """Of a hub in which nothing happens: samples are given to it directly."""
    hub = Hub(time.monotonic)
    variant = Variants(hub).open(Wanted(video=(), audio=()))
    return HlsStream(variant, hub, now=time.monotonic, on_ended=lambda: None)


def pictures(count: int, group: int, first: int = 0) -> list[Sample]:
    """25 a second."""
    return [
        Sample(True, number % group == 0, number * INTERVAL, INTERVAL, bytes([number & 0xFF]))
        for number in range(first, first + count)
    ]


def show(to: HlsStream, samples: Sequence[Sample]) -> None:
    """Begin with the first, go on with the others."""
    to.begin(Config(H264, None), samples[:1])
    for sample in samples[1:]:
        to.picture(sample)


def lines(of: HlsStream, beginning: str) -> list[str]:
    """Lines of the playlist."""
    return [line for line in of.playlist().decode().splitlines() if line.startswith(beginning)]


async def test_segments_begin_with_key_pictures_and_parts_are_half_a_second() -> None:
    made = stream()
    show(made, pictures(226, group=50))

    assert lines(made, "#EXTINF") == [
        f"#EXTINF:{seconds:.5f}," for seconds in (0.52, 1.04, 0.44, 2.0, 2.0, 2.0)
    ]
    assert lines(made, "#EXT-X-PART:")[:5] == [
        '#EXT-X-PART:DURATION=0.52000,URI="part4.mp4",INDEPENDENT=YES',
        '#EXT-X-PART:DURATION=0.52000,URI="part5.mp4"',
        '#EXT-X-PART:DURATION=0.52000,URI="part6.mp4"',
        '#EXT-X-PART:DURATION=0.44000,URI="part7.mp4"',
        '#EXT-X-PART:DURATION=0.52000,URI="part8.mp4",INDEPENDENT=YES',
    ]
    assert lines(made, "#EXT-X-PRELOAD-HINT") == ['#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part17.mp4"']
    made.close()


async def test_a_segment_is_its_parts_and_the_window_is_bounded() -> None:
    made = stream()
    show(made, pictures(2_001, group=50))

    assert lines(made, "#EXT-X-MEDIA-SEQUENCE") == ["#EXT-X-MEDIA-SEQUENCE:33"]
    assert len(lines(made, "seg")) == 9
    segment = made.segment(41)
    numbers = [line.split('"')[1][4:-4] for line in lines(made, "#EXT-X-PART:")]
    parts = [made.part(int(number)) for number in numbers]
    assert segment is not None
    assert segment in b"".join(part for part in parts if part is not None)
    assert made.segment(29) is None
    assert made.segment(30) is not None
    assert made.init(1) is not None
    made.close()


async def test_where_key_pictures_are_rare_segments_end_all_the_same() -> None:
    made = stream()
    show(made, pictures(600, group=1_000))

    durations = [float(line[8:-1]) for line in lines(made, "#EXTINF")]
    assert durations[:4] == [0.52, 1.04, 2.08, 4.68]
    assert max(durations) < 5.5
    assert lines(made, "#EXT-X-TARGETDURATION") == ["#EXT-X-TARGETDURATION:5"]
    made.close()


async def test_a_change_and_a_gap_are_discontinuities() -> None:
    made = stream()
    show(made, pictures(100, group=50))
    made.configured(Config(H264, AAC))
    for sample in pictures(60, group=50, first=100):
        made.picture(sample)
    made.sound([Sample(False, True, 0, 1_024, b"s")])
    for sample in pictures(60, group=50, first=1_000):
        made.picture(sample)

    text = made.playlist().decode()
    assert text.count("#EXT-X-DISCONTINUITY\n") == 2
    assert text.count("#EXT-X-MAP:") == 2
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:0\n" in text
    assert text.index('URI="init2.mp4"') > text.index("#EXT-X-DISCONTINUITY\n")
    for sample in pictures(1_000, group=50, first=1_060):
        made.picture(sample)
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:2\n" in made.playlist().decode()
    assert made.init(1) is None
    made.close()


async def test_sound_without_pictures_does_not_pile_up() -> None:
    made = stream()
    made.begin(Config(H264, AAC), pictures(1, group=1))
    for number in range(3_000):
        made.sound([Sample(False, True, number * 1_024, 1_024, bytes(100))])
    for picture in pictures(20, group=50, first=1):
        made.picture(picture)

    part = made.part(0)
    assert part is not None
    assert 50_000 < len(part) < 70_000


async def test_who_waits_for_a_part_gets_it_when_it_is_made() -> None:
    made = stream()
    show(made, pictures(10, group=50))
    waits = asyncio.create_task(made.until(lambda: made.has(0, 0), 5))
    part = asyncio.create_task(made.until(lambda: made.has_part(1), 5))
    await asyncio.sleep(0)
    assert not waits.done()
    for sample in pictures(5, group=50, first=10):
        made.picture(sample)

    assert await waits
    assert not made.has_part(1)
    assert made.is_next_part(1)
    assert (made.is_near(2), made.is_near(3)) == (True, False)
    made.close()
    assert not await part
