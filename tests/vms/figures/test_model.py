"""Seconds into rates and verdicts."""

import pytest

from vms.figures.model import OutageFigures, RateRow, Seconds, Targets, Verdict, Window

HOUR = Window(0, 3600)


def row(seconds: Seconds, outages: OutageFigures | None = None) -> RateRow:
    return RateRow("all", "all", HOUR, 1, seconds, Targets(), outages)


def test_the_rate_leaves_out_what_nobody_saw_what_is_excused_and_what_never_came() -> None:
    seconds = Seconds(600, 600, 300, 1000, 500, 600)

    assert (seconds.online_s, seconds.total_s) == (1200, 3600)
    assert seconds.online_rate == 1200 / (3600 - 500 - 1000 - 600)
    assert seconds.coverage == 1500 / (3600 - 500 - 600)


def test_what_nobody_observed_has_no_rate() -> None:
    unseen = row(Seconds(unknown_s=3600))

    assert (unseen.online_rate, unseen.coverage) == (None, 0)
    assert unseen.verdict is Verdict.INSUFFICIENT_EVIDENCE
    assert row(Seconds(excluded_s=3600)).coverage is None


@pytest.mark.parametrize(
    ("unknown_s", "offline_s", "verdict"),
    [
        (0, 360, Verdict.MET),
        (0, 361, Verdict.MISSED),
        (180, 0, Verdict.MET),
        (181, 0, Verdict.INSUFFICIENT_EVIDENCE),
    ],
)
def test_the_verdict_wants_coverage_first_and_then_the_target(
    unknown_s: int, offline_s: int, verdict: Verdict
) -> None:
    online_s = 3600 - unknown_s - offline_s

    assert row(Seconds(0, online_s, offline_s, unknown_s)).verdict is verdict


@pytest.mark.parametrize("percent", range(1, 100))
def test_coverage_that_just_reaches_its_limit_is_enough(percent: int) -> None:
    just = Seconds(signalled_s=36 * percent, unknown_s=3600 - 36 * percent)

    assert just.verdict(Targets(coverage=percent / 100)) is Verdict.MET


def test_the_targets_are_those_that_were_set() -> None:
    seconds = Seconds(0, 3500, 100)

    assert seconds.verdict(Targets(0.98, 0.5)) is Verdict.MISSED
    assert seconds.verdict(Targets(0.97, 0.5)) is Verdict.MET


def test_means_between_failures_and_to_repair() -> None:
    # 2 outages, one of which ended: 3000 / 2 and 600 / 1
    failing = row(Seconds(0, 3000, 600), OutageFigures(2, 1, 400))

    assert (failing.mtbf_s, failing.mttr_s) == (1500, 600)
    assert row(Seconds(0, 3600), OutageFigures(0, 0, 0)).mtbf_s is None
    assert row(Seconds(0, 0, 3600), OutageFigures(1, 0, 3600)).mttr_s is None
