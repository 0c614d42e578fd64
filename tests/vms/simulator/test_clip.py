"""Films shown instead of the test card."""

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

from media.codecs import annexb
from media.unit import Codec
from vms.errors import InvalidError
from vms.simulator.clip import Clip, ClipPlayer

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def film(path: Path, codec: str, options: dict[str, str]) -> Path:
    """Twenty pictures of 64 by 64 at 10 a second."""
    # PyAV's writing side is loosely typed.
    container = cast("Any", av.open(str(path), "w"))
    with container:
        stream = container.add_stream(codec, rate=Fraction(10), options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.thread_count = 1
        for n in range(20):
            grey = np.full((96, 64), n * 10, dtype=np.uint8)
            grey[:64, (n * 7) % 64] = 255
            frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


PLAIN = {"bf": "0", "g": "8", "sc_threshold": "0"}


def test_a_film_becomes_the_pictures_cameras_send(tmp_path: Path) -> None:
    clip = Clip.load(film(tmp_path / "film.mp4", "libx264", PLAIN))

    assert clip.codec is Codec.H264
    assert clip.pictures_per_s == 10
    assert [n for n, picture in enumerate(clip.pictures) if picture.is_key] == [0, 8, 16]
    for picture in clip.pictures:
        assert picture.data.startswith((b"\0\0\0\1", b"\0\0\1"))
        assert bool(annexb.parameter_sets(Codec.H264, picture.data)) == picture.is_key


def test_an_elementary_stream_with_one_set_of_parameters_gets_them_everywhere(
    tmp_path: Path,
) -> None:
    clip = Clip.load(film(tmp_path / "film.h264", "libx264", PLAIN))

    for picture in clip.pictures:
        assert bool(annexb.parameter_sets(Codec.H264, picture.data)) == picture.is_key


def test_a_film_starts_again_at_its_end_and_jumps_to_a_key_picture(tmp_path: Path) -> None:
    clip = Clip.load(film(tmp_path / "film.mp4", "libx264", PLAIN))
    player = ClipPlayer(clip)

    shown = [player.next_picture(NOW, key_wanted=n == 3) for n in range(20)]

    assert shown[:4] == [*clip.pictures[:3], clip.pictures[8]]
    assert shown[14:17] == [clip.pictures[19], *clip.pictures[:2]]


def test_a_film_with_b_pictures_is_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", "libx264", {"bf": "2", "b_strategy": "0"})

    with pytest.raises(InvalidError, match="B pictures"):
        Clip.load(path)


def test_a_film_of_another_codec_is_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", "mpeg4", {})

    with pytest.raises(InvalidError, match=r"neither H\.264 nor H\.265"):
        Clip.load(path)


@pytest.mark.parametrize("content", [b"", b"no film" * 100])
def test_what_is_no_film_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)

    with pytest.raises(InvalidError, match="cannot be read"):
        Clip.load(path)
