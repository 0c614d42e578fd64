"""Every habit that is counted is explained, in both languages."""

import re
from pathlib import Path

import pytest

from sip.oddities import ODDITIES
from vms.gb28181 import sdp
from vms.gb28181.manscdp import tolerances as manscdp
from vms.inventory.tolerances import HABITS, RULES, counted

ROOT = Path(__file__).parents[3]


def names_in(folder: str, pattern: str) -> set[str]:
    """What is counted under a literal name."""
    return {
        name
        for path in (ROOT / folder).rglob("*.py")
        for call in re.findall(pattern, path.read_text())
        for name in re.findall(r'"([a-z][a-z_-]+)"', call)
    }


COUNTED = {
    "of a body": {member.value for member in manscdp.Tolerance},
    "of an SDP": {member.value for member in sdp.Tolerance},
    "of a SIP head": {f"sip_{name}" for name in ODDITIES},
    "of a stream": {
        "media_" + name.replace("-", "_")
        for name in names_in("media", r"\b_?(?:tolerate|damage)\(([^()]*)\)")
    },
    "by the server": names_in("vms", r"count_tolerance\(([^()]*)\)"),
}


@pytest.mark.parametrize("kind", COUNTED)
def test_every_name_that_is_counted_is_explained(kind: str) -> None:
    assert COUNTED[kind]
    assert COUNTED[kind] - set(HABITS) == set()


def test_every_rule_has_a_meaning_in_both_languages() -> None:
    assert [*RULES] == [f"T{number}" for number in range(1, 21)]
    for habit in HABITS.values():
        assert habit.rule in RULES
        assert habit.text.zh
        assert habit.text.en


def test_habits_of_a_body_stand_under_the_rule_that_their_reader_names() -> None:
    for tolerance, rule in manscdp.RULES.items():
        assert HABITS[tolerance.value].rule == rule


def test_a_devices_habits_come_in_order_of_rule_and_old_names_last() -> None:
    found = counted({"name_of_an_older_version": 1, "time_form": 2, "bare_markup": 3})

    assert [(each.name, each.rule, each.count) for each in found] == [
        ("bare_markup", "T2", 3),
        ("time_form", "T10", 2),
        ("name_of_an_older_version", "T20", 1),
    ]
