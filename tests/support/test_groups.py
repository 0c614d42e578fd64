"""Which group a test belongs to, and what the closing table says."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.support.groups import Tally, group_of, measurements, page_tally, table


@pytest.mark.parametrize(
    ("node_id", "group"),
    [
        ("tests/sip/test_digest.py::test_a", "unit"),
        ("tests/vms/gb28181/manscdp/test_codec.py::test_a", "unit"),
        ("tests/properties/test_ps.py::test_a", "properties"),
        ("tests/vms/persistence/test_device_store.py::test_a[sqlite]", "persistence-sqlite"),
        (
            "tests/vms/persistence/test_device_store.py::test_a[postgresql]",
            "persistence-postgresql",
        ),
        ("tests/interop/test_chromium_plays.py::test_a", "interop-chromium"),
        ("tests/interop/test_ffmpeg_streams.py::test_a", "interop-ffmpeg"),
        ("tests/interop/test_sipp.py::test_a", "interop-sipp"),
        ("tests/interop/test_ps_builder.py::test_a", "interop"),
        ("tests/architecture/test_imports.py::test_a", "architecture"),
    ],
)
def test_a_test_belongs_to_the_group_of_its_folder(node_id: str, group: str) -> None:
    assert group_of(node_id) == group


def test_the_table_names_each_reason_for_skipping_once() -> None:
    tallies = {
        "unit": Tally(ran=7),
        "interop-sipp": Tally(skipped=Counter({"no sipp: apt-get install sip-tester": 4})),
    }

    assert [line.split() for line in table(tallies)] == [
        ["group", "ran", "failed", "skipped", "why"],
        ["unit", "7", "0", "0"],
        ["interop-sipp", "0", "0", "4", "no", "sipp:", "apt-get", "install", "sip-tester"],
    ]


def test_what_a_test_has_measured_is_listed_beneath_its_name() -> None:
    report = pytest.TestReport(
        "tests/interop/test_page.py::test_a[h264]",
        ("tests/interop/test_page.py", 1, "test_a"),
        {},
        "passed",
        None,
        "call",
        user_properties=[("click_to_first_frame_ms", 412)],
    )

    lines = [line.split() for line in measurements(report)]

    assert lines == [["test_a[h264]"], ["click_to_first_frame_ms", "412"]]


def test_the_pages_own_tests_are_counted_from_their_report(tmp_path: Path) -> None:
    report = tmp_path / "page.json"
    figures = {
        "numPassedTests": 5,
        "numFailedTests": 1,
        "numPendingTests": 2,
        "numFailedTestSuites": 1,
    }
    report.write_text(json.dumps(figures))

    tally = page_tally(report)

    assert (tally.ran, tally.failed, tally.skipped.total()) == (6, 1, 2)


def test_a_missing_report_of_the_page_counts_as_a_failure(tmp_path: Path) -> None:
    assert page_tally(tmp_path / "page.json").failed == 1
