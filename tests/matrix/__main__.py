"""Fills the table of docs/media.md: `python -m tests.matrix`, or `make media-matrix`.

A server with its worker processes, simulated cameras in processes of their own; every cell is a
session of its own, from the request to the picture. The table is deleted first, and a cell that
fails leaves it so.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.matrix.cells import CELLS, FORMS, Cell, Proof, header, row
from tests.matrix.viewers import ProofError
from tests.matrix.walk import Walk, walking
from tests.support.tools import ROOT

PAGE = ROOT / "docs" / "media.md"
BEGIN, END = "<!-- the table begins -->", "<!-- the table ends -->"


def write(lines: list[str]) -> None:
    """Put these lines where the table stands."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text("\n".join([f"{before}{BEGIN}", "", *lines, f"{END}{after}"]), encoding="utf-8")


async def run(cells: list[Cell]) -> dict[Cell, Proof | str]:
    """Every cell once, in order; a failure is told in words."""
    found: dict[Cell, Proof | str] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with walking(Path(folder)) as walk:
            for cell in cells:
                began = time.monotonic()
                found[cell] = await _prove(walk, cell)
                took_s = time.monotonic() - began
                sys.stdout.write(f"{' '.join(cell)}: {found[cell]} [{took_s:.1f} s]\n")
                sys.stdout.flush()
    return found


async def _prove(walk: Walk, cell: Cell) -> Proof | str:
    try:
        return await walk.prove(cell)
    except ProofError as error:
        return f"failed: {error}"


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="cells with these words, for instance 'udp h264'; no table")
    only = parser.parse_args().only
    words: set[str] = set(only.split()) if only else set()
    cells = [cell for cell in CELLS if words <= set(cell)]
    if not only:
        write([])
    found = asyncio.run(run(cells))
    proofs = {cell: proof for cell, proof in found.items() if isinstance(proof, Proof)}
    if len(proofs) < len(cells):
        sys.exit(f"{len(cells) - len(proofs)} of {len(cells)} cells failed")
    if only:
        return
    lines = header()
    for way in dict.fromkeys(cell[:3] for cell in cells):
        lines.append(row(way, {form: proofs[Cell(*way, form)] for form in FORMS}))
    now = datetime.now(tz=UTC)
    write([f"Filled on {now:%Y-%m-%d %H:%M} UTC.", "", *lines, ""])


if __name__ == "__main__":
    main()
