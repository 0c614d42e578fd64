"""The national table of administrative divisions (GB/T 2260 codes) down to the county.

Two digits name a province, four a city, six a county or district. Read when first asked for, and
kept as the one text it is. What lies below, and codes that were given up, are not in it.
"""

from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

PROVINCES: Final = frozenset(
    [
        "11",
        "12",
        "13",
        "14",
        "15",
        "21",
        "22",
        "23",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "50",
        "51",
        "52",
        "53",
        "54",
        "61",
        "62",
        "63",
        "64",
        "65",
        "71",
        "81",
        "82",
    ]
)
"""The first two digits of every code there is."""

LEVELS: Final = (2, 4, 6)
"""Digits of a province, a city, a county."""

_NO_PLACES = ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划")
"""Names of levels that only hold others; a way down leaves them out."""


@lru_cache(maxsize=4096)
def name_of(code: str) -> str:
    """The name of a division of two, four or six digits; empty where the table has none.

    Trailing 00 pairs say nothing: 340200 is 3402.
    """
    while len(code) > LEVELS[0] and len(code) % 2 == 0 and code.endswith("00"):
        code = code[:-2]
    if len(code) not in LEVELS:
        return ""
    table = _table()
    start = table.find(f"\n{code}\t")
    if start < 0:
        return ""
    start += len(code) + 2
    return table[start : table.index("\n", start)]


def is_known(code: str) -> bool:
    """Whether the national table has this code."""
    return name_of(code) != ""


def path_of(code: str) -> tuple[str, ...]:
    """Names of province, city and county on the way to `code`, as far as they are known; levels
    that only hold others (市辖区) are left out."""
    levels = (code[:digits] for digits in LEVELS if digits <= len(code))
    names = (name_of(level) for level in levels if not level.endswith("00"))
    return tuple(name for name in names if name and name not in _NO_PLACES)


@cache
def _table() -> str:
    return "\n" + files("vms.gb28181").joinpath("divisions.tsv").read_text(encoding="utf-8")
