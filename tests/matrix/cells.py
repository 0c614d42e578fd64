"""What the media matrix consists of, and how it is written down: every way in by every way out."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

TRANSPORTS = {
    "udp_shared": "UDP, shared port",
    "udp": "UDP, port range",
    "tcp_passive": "TCP passive",
    "tcp_active": "TCP active",
}
CODECS = {"h264": "H.264", "h265": "H.265"}
SOUNDS = {"none": "none", "g711a": "G.711A", "aac": "AAC"}
FORMS = {"whep": "WHEP", "fmp4": "fMP4", "flv": "FLV", "hls": "HLS", "rtsp": "RTSP"}


class Cell(NamedTuple):
    """One way of a stream through the server."""

    transport: str
    codec: str
    sound: str
    form: str


CELLS = tuple(Cell(*each) for each in product(TRANSPORTS, CODECS, SOUNDS, FORMS))


@dataclass(frozen=True, slots=True)
class Proof:
    """What a viewer that shares no code with us saw and heard.

    `first_frame_ms` is from the request for a live session to the first decoded picture, INVITE
    included. `clock` is the wall clock in the last picture that was read, milliseconds since 1970,
    `advance_ms` how far it went since the first one, `codec` what arrived. `tone_db` is the level
    of the tone of 1 kHz against full scale, None where the camera has no microphone.
    """

    peer: str
    codec: str
    first_frame_ms: int
    clock: int
    advance_ms: int
    tone_db: float | None

    def __str__(self) -> str:
        heard = "" if self.tone_db is None else f", 1 kHz at {self.tone_db:.1f} dB"
        return (
            f"{self.first_frame_ms} ms, {self.codec} in {self.peer}, "
            f"clock {self.clock} (+{self.advance_ms} ms){heard}"
        )


_PROOF = re.compile(
    r"(?P<ms>\d+) ms, (?P<codec>h26[45]) in (?P<peer>[A-Za-z]+), "
    r"clock (?P<clock>\d{13}) \(\+(?P<advance>\d+) ms\)(?:, 1 kHz at (?P<tone>-?\d+\.\d) dB)?"
)


def parse_proof(text: str) -> Proof:
    """A cell as it stands in the table; `ValueError` where it is none."""
    found = _PROOF.fullmatch(text)
    if found is None:
        raise ValueError(f"no proof: {text!r}")
    tone = found["tone"]
    return Proof(
        found["peer"],
        found["codec"],
        int(found["ms"]),
        int(found["clock"]),
        int(found["advance"]),
        None if tone is None else float(tone),
    )


def header() -> list[str]:
    """The head of the table."""
    titles = ["transport", "video", "sound", *FORMS.values()]
    return [_row(titles), _row("---" for _ in titles)]


def row(way: tuple[str, str, str], proofs: Mapping[str, Proof]) -> str:
    """The line of one way in."""
    transport, codec, sound = way
    names = [TRANSPORTS[transport], CODECS[codec], SOUNDS[sound]]
    return _row([*names, *(str(proofs[form]) for form in FORMS)])


def read_table(lines: Iterable[str]) -> dict[Cell, Proof]:
    """All cells of a table; `ValueError` where one is none, `KeyError` where a name is unknown."""
    transports, codecs, sounds = (
        {name: key for key, name in names.items()} for names in (TRANSPORTS, CODECS, SOUNDS)
    )
    found: dict[Cell, Proof] = {}
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 3 + len(FORMS) or cells[0] in {"transport", "---"}:
            continue
        way = transports[cells[0]], codecs[cells[1]], sounds[cells[2]]
        found |= {
            Cell(*way, form): parse_proof(text) for form, text in zip(FORMS, cells[3:], strict=True)
        }
    return found


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
