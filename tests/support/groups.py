"""Sorts the tests into groups, and ends the run with a table: group, ran, skipped, why.

A group whose tool is missing is skipped with the line that installs it. Where everything can be
installed, as root or in continuous integration, a skipped test fails the run. Above the table
stands what tests have measured and recorded with pytest's `record_property`.
"""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from tests.support import tools

MISSING: dict[str, Callable[[], str | None]] = {
    "persistence-postgresql": cache(tools.missing_postgresql),
    "interop-chromium": cache(tools.missing_chromium),
    "interop-ffmpeg": cache(tools.missing_ffmpeg),
    "interop-nginx": cache(tools.missing_nginx),
    "interop-sipp": cache(tools.missing_sipp),
    "interop-tshark": cache(tools.missing_tshark),
}
"""What a group needs beyond Python packages: the reason why it cannot run, or None."""

FOLDERS = ("properties", "fuzz", "scenarios", "adversity", "architecture")
PEERS = ("chromium", "ffmpeg", "nginx", "sipp", "tshark")
ORDER = (
    "unit",
    "properties",
    "fuzz",
    "persistence-sqlite",
    "persistence-postgresql",
    "scenarios",
    "interop",
    *(f"interop-{peer}" for peer in PEERS),
    "adversity",
    "architecture",
    "page",
)


def group_of(node_id: str) -> str:
    """The group of a test, from the folder and the name in its pytest node ID."""
    path, _, name = node_id.partition("::")
    folders = Path(path).parts[1:]
    if folders[0] == "interop":
        named = [peer for peer in PEERS if peer in path]
        return f"interop-{named[0]}" if named else "interop"
    if folders[0] in FOLDERS:
        return folders[0]
    if "persistence" in path:
        return "persistence-postgresql" if "postgres" in name else "persistence-sqlite"
    return "unit"


@dataclass
class Tally:
    """What became of one group's tests."""

    ran: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter[str])

    @property
    def reasons(self) -> str:
        """Each reason for skipping once."""
        return "; ".join(self.skipped)


class GroupTable:
    """The plugin: skips what cannot run, counts the rest, prints the table."""

    def __init__(self, page_report: Path | None, *, everything_can_run: bool) -> None:
        self._page_report = page_report
        self._everything_can_run = everything_can_run
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)
        self._measured: list[str] = []

    @pytest.hookimpl
    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            needs = MISSING.get(group_of(item.nodeid))
            if needs is not None and (reason := needs()) is not None:
                item.add_marker(pytest.mark.skip(reason=reason))

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        tally = self._tallies[group_of(report.nodeid)]
        if report.skipped:
            # longrepr of a skip: file, line, "Skipped: reason"
            reason = (
                report.longrepr[2] if isinstance(report.longrepr, tuple) else "expected to fail"
            )
            tally.skipped[reason.removeprefix("Skipped: ")] += 1
        elif report.failed:
            tally.failed += 1
        if report.when == "call" and not report.skipped:
            tally.ran += 1
            self._measured += measurements(report)

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._page_report is not None:
            self._tallies["page"] = page_tally(self._page_report)
        page_failed = self._tallies["page"].failed > 0 if self._page_report else False
        if session.exitstatus == 0 and (page_failed or self._forbidden_skips()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._measured:
            terminalreporter.section("measured")
        for line in self._measured:
            terminalreporter.write_line(line)
        terminalreporter.section("groups")
        for line in table(self._tallies):
            terminalreporter.write_line(line)
        if self._forbidden_skips():
            terminalreporter.write_line(
                "As root and in continuous integration every group has to run; this run failed.",
                red=True,
            )

    def _forbidden_skips(self) -> bool:
        return self._everything_can_run and any(tally.skipped for tally in self._tallies.values())


def page_tally(report: Path) -> Tally:
    """What became of the web page's own tests, out of Vitest's JSON report."""
    if not report.exists():
        return Tally(failed=1, skipped=Counter({"no report: the page's tests did not start": 1}))
    figures: dict[str, int] = json.loads(report.read_text())
    passed, failed = figures["numPassedTests"], figures["numFailedTests"]
    suites_failed = figures["numFailedTestSuites"]
    return Tally(
        ran=passed + failed,
        failed=max(failed, suites_failed),
        skipped=Counter({"skipped in web/": n} if (n := figures["numPendingTests"]) else {}),
    )


def measurements(report: pytest.TestReport) -> Iterator[str]:
    """A line with the test's name, then one for each value that it recorded."""
    if report.user_properties:
        yield report.nodeid.rpartition("::")[2]
    for name, value in report.user_properties:
        yield f"  {name:<40} {value}"


def table(tallies: dict[str, Tally]) -> Iterator[str]:
    """The lines of the closing table."""
    yield f"{'group':<24}{'ran':>6}{'failed':>8}{'skipped':>9}  why"
    for name in ORDER:
        if (tally := tallies.get(name)) is not None:
            skipped = tally.skipped.total()
            yield f"{name:<24}{tally.ran:>6}{tally.failed:>8}{skipped:>9}  {tally.reasons}".rstrip()


def everything_can_run() -> bool:
    """Whether nothing excuses a skipped group: root can install, continuous integration must."""
    return os.geteuid() == 0 or os.environ.get("CI", "").lower() in {"1", "true"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--page-report", type=Path, help="Vitest's JSON report, for the table")


def pytest_configure(config: pytest.Config) -> None:
    report: Path | None = config.getoption("--page-report")
    config.pluginmanager.register(GroupTable(report, everything_can_run=everything_can_run()))
