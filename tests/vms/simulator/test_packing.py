"""What simulated cameras put into RTP is what FFmpeg and the standards read in it."""

import io
import struct
from datetime import UTC, datetime, timedelta

import av
import pytest

from media.unit import Codec
from vms.simulator.footage import TestCard
from vms.simulator.packing import Container, Manners, packer_of
from vms.simulator.sound import tone

CHANNEL = "34020000001320000001"
MIDDAY = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PICTURES = 30


def packets_of(codec: Codec, audio: Codec | None, container: Container) -> list[bytes]:
    card = TestCard(CHANNEL, codec)
    sound = tone(audio) if audio is not None else None
    packer = packer_of(codec, sound, Manners(container=container), ssrc=7)
    return [
        packet
        for number in range(PICTURES)
        for packet in packer.packets(
            card.next_picture(MIDDAY + timedelta(seconds=number / 25), key_wanted=False),
            number * 3600,
        )
    ]


@pytest.mark.parametrize(("codec", "name"), [(Codec.H264, "h264"), (Codec.H265, "hevc")])
def test_ffmpeg_reads_pictures_and_sound_from_the_transport_stream(codec: Codec, name: str) -> None:
    packets = packets_of(codec, Codec.AAC, Container.TS)
    stream = b"".join(packet[12:] for packet in packets)

    assert all(len(packet) <= 12 + 7 * 188 for packet in packets)
    with av.open(io.BytesIO(stream), "r", format="mpegts") as found:
        video, audio = found.streams.video[0], found.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == (name, "aac")
        pictures = list(found.decode(video))
    assert {(picture.width, picture.height) for picture in pictures} == {(640, 360)}
    assert len(pictures) >= PICTURES - 1
    assert pictures[1].pts is not None
    assert pictures[0].pts is not None
    assert pictures[1].pts - pictures[0].pts == 3600


def test_bare_pictures_have_g711_beside_them_with_an_ssrc_of_its_own() -> None:
    packets = packets_of(Codec.H264, Codec.PCMA, Container.ES)

    kinds = {(packet[1] & 0x7F, struct.unpack("!I", packet[8:12])[0]) for packet in packets}
    assert kinds == {(98, 7), (8, 8)}
    ends = [packet for packet in packets if packet[1] == 0x80 | 98]
    assert len(ends) == PICTURES
    sounds = [packet for packet in packets if packet[1] == 8]
    stamps = [struct.unpack("!I", packet[4:8])[0] for packet in sounds]
    assert stamps == [number * 320 for number in range(len(sounds))]
