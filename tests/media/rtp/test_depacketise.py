"""H.264 and H.265 directly in RTP, and what a payload is recognised as."""

from collections.abc import Sequence

import pytest

from media.codecs.frame import Frame
from media.rtp.depacketise import PICTURE_LIMIT_BYTES, ElementaryDepacketiser
from media.rtp.sniff import Container, container_of
from media.unit import Codec
from tests.media.ps.streams import IDR, KEY, KEY_265, PPS, SLICE, SPS

VPS = KEY_265.split(b"\x00\x00\x00\x01")[1]


def units(frames: Sequence[Frame]) -> list[tuple[bytes, bool]]:
    return [(frame.data, frame.is_damaged) for frame in frames]


def aggregate(head: bytes, *parts: bytes) -> bytes:
    return head + b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def test_single_units_make_a_picture_at_the_marker() -> None:
    depacketiser = ElementaryDepacketiser(Codec.H264)

    assert units(depacketiser.feed(SPS[4:], 0, False, 0.0)) == []
    assert units(depacketiser.feed(PPS[4:], 0, False, 0.0)) == []
    assert units(depacketiser.feed(IDR[4:], 0, True, 0.0)) == [(KEY, False)]


def test_a_picture_ends_with_another_timestamp_where_markers_are_missing() -> None:
    depacketiser = ElementaryDepacketiser(Codec.H264)
    depacketiser.feed(SLICE[4:], 0, False, 0.0)

    assert units(depacketiser.feed(SLICE[4:], 3600, False, 0.0)) == [(SLICE, False)]


def test_a_marker_within_a_fragment_is_not_believed() -> None:
    depacketiser = ElementaryDepacketiser(Codec.H264)
    idr = IDR[4:]

    assert units(depacketiser.feed(b"\x7c\x85" + idr[1:9], 0, True, 0.0)) == []
    assert units(depacketiser.feed(b"\x7c\x45" + idr[9:], 0, True, 0.0)) == [(IDR, False)]


def test_a_lost_fragment_damages_the_picture() -> None:
    depacketiser = ElementaryDepacketiser(Codec.H264)
    depacketiser.feed(SPS[4:], 0, False, 0.0)
    depacketiser.feed(b"\x7c\x85" + IDR[5:9], 0, False, 0.0)
    depacketiser.lose()

    frames = depacketiser.feed(b"\x7c\x45" + IDR[9:], 0, True, 0.0)

    assert units(frames) == [(SPS, True)]
    assert depacketiser.tolerated == {"fragment-without-beginning": 1}


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (b"\x41", "short-payload"),
        (b"\x1e\x00\x00\x00", "unknown-payload"),
        (b"\x78\xff\xff\x67\x00", "bad-aggregate"),
        (b"\x7c\x05\x00\x00", "fragment-without-beginning"),
    ],
)
def test_payloads_that_cannot_be_damage_the_picture(payload: bytes, name: str) -> None:
    depacketiser = ElementaryDepacketiser(Codec.H264)
    depacketiser.feed(payload, 0, False, 0.0)

    assert units(depacketiser.feed(SLICE[4:], 0, True, 0.0)) == [(SLICE, True)]
    assert depacketiser.tolerated == {name: 1}


def test_a_picture_without_an_end_is_dropped_at_a_limit() -> None:
    depacketiser = ElementaryDepacketiser(Codec.H264)
    for _ in range(PICTURE_LIMIT_BYTES // 60_000 + 1):
        depacketiser.feed(b"\x41" + bytes(60_000), 0, False, 0.0)

    assert depacketiser.tolerated == {"picture-too-large": 1}


@pytest.mark.parametrize(
    ("payload", "container"),
    [
        (b"\x00\x00\x01\xba\x44", Container.PS),
        (b"\x00\x00\x01\xe0\x00", Container.PS),
        ((b"\x47" + bytes(187)) * 7, Container.TS),
        (SPS[4:], Container.H264),
        (aggregate(b"\x78", SPS[4:], PPS[4:]), Container.H264),
        (VPS, Container.H265),
        (aggregate(b"\x60\x01", VPS, b"\x44\x01\xc0"), Container.H265),
        (SLICE[4:], None),
        (b"\xd5" * 320, None),
        (b"", None),
        (b"\x00\x00\x01", None),
    ],
)
def test_a_payload_is_recognised_by_its_bytes(payload: bytes, container: Container | None) -> None:
    assert container_of(payload) is container
