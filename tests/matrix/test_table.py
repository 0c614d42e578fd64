"""The table of docs/media.md is whole: every way in by every way out, seen and heard."""

import pytest

from tests.matrix.cells import CELLS, Cell, Proof, header, parse_proof, read_table, row
from tests.support.tools import ROOT

PROOF = Proof("ffmpeg", "h265", 812, 1_790_000_000_123, 1960, -6.2)


def table() -> dict[Cell, Proof]:
    return read_table((ROOT / "docs" / "media.md").read_text(encoding="utf-8").splitlines())


def test_every_cell_is_filled() -> None:
    assert len(CELLS) == 4 * 2 * 3 * 5
    assert set(table()) == set(CELLS)


def test_what_was_seen_and_heard_is_what_the_camera_sent() -> None:
    for cell, proof in table().items():
        assert (proof.tone_db is None) == (cell.sound == "none"), cell
        assert proof.tone_db is None or -60 < proof.tone_db < 0, cell
        assert 1_700 <= proof.advance_ms <= 2_500, cell
        assert proof.codec == ("h264" if cell.form == "whep" else cell.codec), cell


def test_a_cell_is_read_as_it_was_written() -> None:
    assert parse_proof(str(PROOF)) == PROOF
    lines = [
        *header(),
        row(("udp", "h265", "aac"), dict.fromkeys(("whep", "fmp4", "flv", "hls", "rtsp"), PROOF)),
    ]
    assert read_table(lines) == {
        Cell("udp", "h265", "aac", form): PROOF for form in ("whep", "fmp4", "flv", "hls", "rtsp")
    }


@pytest.mark.parametrize("text", ["", "failed: no picture", "812 ms, h265 in ffmpeg"])
def test_a_cell_without_a_proof_is_not_read_as_one(text: str) -> None:
    with pytest.raises(ValueError, match="no proof"):
        parse_proof(text)
