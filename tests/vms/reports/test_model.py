"""What a frozen circular keeps, and what follows from it."""

import zlib
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from tests.vms.reports.circulars import a_circular, figure
from vms.errors import InvalidError
from vms.figures.model import OutageFigures, Seconds
from vms.reports.model import Circular, Figure, canonical, figures_sha256, freeze, thaw


def test_a_frozen_circular_is_read_back_as_it_was() -> None:
    circular = a_circular()

    assert thaw(freeze(circular)) == circular


def test_names_that_look_like_the_file_they_are_kept_in_change_nothing() -> None:
    hostile = a_circular(hostile_name='"cameras":[],]}')

    for circular in (hostile, replace(hostile, issuer='"cameras":[', cameras=())):
        assert thaw(freeze(circular)) == circular
        assert canonical(circular) == TypeAdapter(Circular).dump_json(circular)


def test_the_hash_is_of_the_figures_and_not_of_the_names() -> None:
    kept = figures_sha256(a_circular())

    assert figures_sha256(a_circular(hostile_name="renamed")) == kept
    assert figures_sha256(a_circular(cameras=29)) != kept
    longer = replace(a_circular(), total=figure("all", "", 30, 349_202, 1_728_000))
    assert figures_sha256(longer) != kept


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"not compressed",
        freeze(a_circular())[:-9],
        zlib.compress(b"{}"),
        zlib.compress(b'{"cameras":[' + b"[" * 100_000),
        zlib.compress(b'{"cameras":[1'),
        zlib.compress(b"\xff"),
        zlib.compress(b'{"issuer": 1}'),
    ],
)
def test_what_was_not_frozen_here_is_refused(damaged: bytes) -> None:
    with pytest.raises(InvalidError):
        thaw(damaged)


def test_regions_are_ranked_by_rate_and_those_hardly_observed_come_last() -> None:
    circular = a_circular()

    assert [region.figure.key for region in circular.ranked] == ["340202", "340203", "340207"]
    assert [region.figure.key for region in circular.under_the_line] == ["340203"]


def test_the_worst_cameras_are_those_longest_offline_and_never_one_that_was_not() -> None:
    worst = a_circular(cameras=3).worst(20)

    assert [camera.figure.seconds.offline_s for camera in worst] == [200, 100]


def test_mean_times_are_seconds_over_outages_and_nothing_without_any() -> None:
    some = figure("", "", 1, 600)

    assert (some.mttr_s, some.mtbf_s) == (300, (4 * 86_400 - 600) / 3)
    none = Figure("", "", 1, Seconds(signalled_s=1), OutageFigures(0, 0, 0))
    assert (none.mttr_s, none.mtbf_s) == (None, None)
