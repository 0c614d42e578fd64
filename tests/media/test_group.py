"""The last key picture and those since: whole, or none of it."""

import pytest

from media.group import Group
from media.unit import AccessUnit, Codec


def add(group: Group[AccessUnit], number: int, *, starts: bool = False, size: int = 10) -> int:
    unit = AccessUnit(Codec.H264, number * 3_600, bytes(size), starts, number / 25)
    return group.add(unit, starts)


def times(group: Group[AccessUnit]) -> list[int]:
    return [unit.pts for unit in group.pictures]


def test_a_group_grows_from_its_key_picture_and_the_next_one_replaces_it() -> None:
    group: Group[AccessUnit] = Group()

    lost = [add(group, 0), add(group, 1, starts=True), add(group, 2), add(group, 3)]
    first = times(group)
    lost += [add(group, 4, starts=True), add(group, 5)]

    assert first == [3_600, 7_200, 10_800]
    assert times(group) == [14_400, 18_000]
    # Nothing was there that the very first could follow on.
    assert lost == [1, 0, 0, 0, 0, 0]


def test_of_too_many_pictures_none_is_kept_until_the_next_key_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("media.group.GROUP_LIMIT_UNITS", 3)
    group: Group[AccessUnit] = Group()

    lost = [add(group, number, starts=number == 0) for number in range(5)]

    assert lost == [0, 0, 0, 4, 1]
    assert times(group) == []
    assert add(group, 5, starts=True) == 0
    assert times(group) == [18_000]


def test_of_pictures_too_large_none_is_kept_and_the_next_group_is_measured_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("media.group.GROUP_LIMIT_BYTES", 100)
    group: Group[AccessUnit] = Group()

    lost = [add(group, 0, starts=True, size=60), add(group, 1, size=40), add(group, 2, size=1)]
    alone = add(group, 3, starts=True, size=101)

    assert (lost, alone) == ([0, 0, 3], 1)
    assert times(group) == []
    lost = [add(group, 4, starts=True, size=60), add(group, 5, size=40)]
    assert lost == [0, 0]
    assert times(group) == [14_400, 18_000]


def test_whoever_holds_the_pictures_keeps_them_when_the_group_has_ended() -> None:
    group: Group[AccessUnit] = Group()
    add(group, 0, starts=True)
    add(group, 1)
    replaced = group.pictures
    add(group, 2, starts=True)
    cleared = group.pictures

    group.clear()

    assert [unit.pts for unit in replaced] == [0, 3_600]
    assert [unit.pts for unit in cleared] == [7_200]
    assert times(group) == []
    # After a gap nothing follows on what was.
    assert add(group, 3) == 1
