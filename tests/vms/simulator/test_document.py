"""docs/simulator.md tells every fault and every brand."""

import re

from tests.support.tools import ROOT
from vms.simulator.brands import BRANDS
from vms.simulator.faults import FaultKind

ROWS = re.findall(
    r"^\| `([a-z0-9-]+)` \|(.*)", (ROOT / "docs" / "simulator.md").read_text(), re.MULTILINE
)


def test_every_fault_and_every_brand_has_its_row() -> None:
    assert [name for name, _ in ROWS] == [*BRANDS, *FaultKind]


def test_a_brands_row_names_its_habits() -> None:
    told = {name: re.findall(r"`([a-z0-9-]+)`", rest) for name, rest in ROWS if name in BRANDS}

    assert told == {brand.name: list(brand.habits) for brand in BRANDS.values()}
