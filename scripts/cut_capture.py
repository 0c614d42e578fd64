"""Cuts the body of one message out of a pcap and puts it among the captures of the tests.

Usage: cut_capture.py FILE NUMBER NAME; `vms replay FILE` shows the numbers. Secrets are masked; the
note beside it has to be written by hand: where it comes from, and what is odd about it.
"""

import sys
from pathlib import Path

from vms.diagnosis.masking import masked
from vms.diagnosis.pcap import NoCaptureError, read
from vms.diagnosis.replay import Replay

CAPTURES = Path(__file__).parents[1] / "tests" / "captures" / "manscdp"


def main(file: str, number: str, name: str) -> None:
    """Write NAME.xml and, unless there is one, NAME.txt."""
    bodies: dict[int, bytes] = {}

    def seen(place: int, data: bytes) -> None:
        if place == int(number):
            bodies[place] = data.partition(b"\r\n\r\n")[2]

    try:
        for _ in Replay(on_message=seen).lines(read(Path(file).read_bytes())):
            pass
    except NoCaptureError as error:
        sys.exit(f"{file}: {error}")
    if not bodies.get(int(number)):
        sys.exit(f"{file} has no message {number} with a body")
    target = CAPTURES / f"{name}.xml"
    target.write_bytes(masked(bodies[int(number)]))
    note = target.with_suffix(".txt")
    if not note.exists():
        note.write_text("Who sent it, and what is odd about it.\n", encoding="utf-8")
    print(f"{target}\n{note}: say where it comes from")


if __name__ == "__main__":
    if len(sys.argv) != 4 or not sys.argv[2].isdecimal():
        sys.exit(__doc__)
    main(*sys.argv[1:])
