"""What is put away comes back as it was."""

from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.figures.archive import packed, unpacked
from vms.figures.model import Window
from vms.figures.packing import DamagedError
from vms.figures.store import CAUSES, STATES, Intervals
from vms.inventory.model import SubjectKind

MARCH = Window(1_000_000, 3_678_400)


@st.composite
def intervals(draw: st.DrawFn) -> Intervals:
    """Of a few subjects, by key, then start; nearly always without a gap."""
    rows: list[tuple[int, int, int, int, int]] = []
    for key in sorted(draw(st.sets(st.integers(1, 10**6), min_size=1, max_size=4))):
        at_s = draw(st.integers(-(10**6), 10**6))
        for _ in range(draw(st.integers(1, 6))):
            at_s += draw(st.sampled_from([0, 0, 0, 7, -3]))
            end_s = at_s + draw(st.integers(1, 10**6))
            state = draw(st.integers(0, len(STATES) - 1))
            rows.append((key, at_s, end_s, state, draw(st.integers(0, len(CAUSES) - 1))))
            at_s = end_s
    return Intervals(*(array("q", column) for column in zip(*rows, strict=True)))


@given(intervals())
def test_every_interval_comes_back_with_all_it_said(was: Intervals) -> None:
    part = packed(SubjectKind.CHANNEL, MARCH, 1, was)

    assert unpacked(part) == was
    assert (part.rows, part.first_key, part.last_key) == (
        len(was.starts_s),
        was.subject_keys[0],
        was.subject_keys[-1],
    )
    assert part.earliest_s == min(was.starts_s)


def test_a_month_of_flapping_takes_a_few_bytes_an_interval() -> None:
    starts = [13_000 * step for _ in range(50) for step in range(200)]
    keys = [channel for channel in range(1, 51) for _ in range(200)]
    was = Intervals(
        array("q", keys),
        array("q", starts),
        array("q", [start + 13_000 for start in starts]),
        array("q", [1, 2] * 5_000),
        array("q", [2, 4] * 5_000),
    )

    assert len(packed(SubjectKind.CHANNEL, MARCH, 1, was).columns) < 10_000


def test_a_part_that_was_changed_is_known_as_such() -> None:
    one = Intervals(*(array("q", [value]) for value in (1, 0, 9, 2, 4)))
    part = packed(SubjectKind.DEVICE, MARCH, 1, one)

    with pytest.raises(DamagedError):
        unpacked(
            replace(
                part,
                columns=packed(
                    SubjectKind.DEVICE,
                    MARCH,
                    1,
                    Intervals(*(array("q", [value]) for value in (1, 0, 8, 2, 4))),
                ).columns,
            )
        )
    with pytest.raises(DamagedError):
        unpacked(replace(part, columns=b"nothing"))
