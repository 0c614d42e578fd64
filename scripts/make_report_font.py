"""Makes the font of printed reports: `python scripts/make_report_font.py FONT.ttf`.

The source is Noto Sans SC Regular under the SIL Open Font Licence, as the npm package
`@expo-google-fonts/noto-sans-sc` carries it. What is kept are the characters of GBK, Latin letters
and signs: enough for every place and nearly every name, at a third of the size. `pyftsubset` does
it, which comes with `fonttools`.
"""

import lzma
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

TARGET = Path(__file__).parent.parent / "vms/reports/fonts/noto-sans-sc-gbk.ttf.xz"
SIGNS = (
    range(0x20, 0x180),
    range(0x2010, 0x2040),
    range(0x2190, 0x21A0),
    range(0x25A0, 0x25D0),
    range(0x3000, 0x3040),
    range(0xFF00, 0xFFF0),
)


def gbk_characters() -> set[int]:
    """Every character that two bytes of GBK stand for."""
    pairs = (bytes([lead, trail]) for lead in range(0x81, 0xFF) for trail in range(0x40, 0xFF))
    texts = (pair.decode("gbk", errors="ignore") for pair in pairs)
    return {ord(text) for text in texts if len(text) == 1}


def main(source: str) -> None:
    """Write the font, compressed."""
    with TemporaryDirectory() as folder:
        wanted, plain = Path(folder, "wanted"), Path(folder, "plain.ttf")
        kept = gbk_characters().union(*SIGNS)
        wanted.write_text(",".join(f"{code:04X}" for code in sorted(kept)))
        subprocess.run(
            [
                "pyftsubset",
                source,
                f"--unicodes-file={wanted}",
                "--no-hinting",
                "--layout-features=",
                f"--output-file={plain}",
            ],
            check=True,
        )
        TARGET.write_bytes(lzma.compress(plain.read_bytes(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main(sys.argv[1])
