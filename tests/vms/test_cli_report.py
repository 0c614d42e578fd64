"""`vms report` in a process of its own, on the database of a week that a server has kept."""

import csv
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
import pytest_asyncio

from tests.vms.test_cli import vms
from vms.clock import SystemClock
from vms.demo_history import write_history
from vms.events import EventBus
from vms.inventory.inventory import Inventory
from vms.inventory.policy import InventoryPolicy
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore
from vms.simulator.plan import Platform, SimulatorOptions, plan_devices

TEST_LIMIT_S = 240
"""Several processes, one after the other, on whatever machine this is."""

CAMERAS = 6
TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
DAYS = ("--from", f"{TODAY - timedelta(days=3)}", "--to", f"{TODAY - timedelta(days=1)}")
NOBODY = Platform("34020000002000000001", "3402000000", "127.0.0.1", 9)
TWO_DAYS_S = 2 * 86_400


@pytest_asyncio.fixture
async def kept(tmp_path: Path) -> Path:
    """The folder of a server that ran for a week and was stopped."""
    (tmp_path / "var").mkdir()
    plans = plan_devices(SimulatorOptions(NOBODY, devices=CAMERAS))
    async with Database.open(f"sqlite+aiosqlite:///{tmp_path}/var/vms.db") as database:
        store = SqlDeviceStore(database)
        await write_history(store, plans)
        inventory = Inventory(store, SystemClock(), EventBus(), InventoryPolicy())
        await inventory.start()
        await inventory.stop()
    return tmp_path


@pytest.mark.timeout(TEST_LIMIT_S)
def test_rows_go_to_a_file_in_which_every_second_is_counted(kept: Path) -> None:
    done = vms(
        kept, "report", "online-rate", *DAYS, "--group-by", "division,channel", "--out", "r.csv"
    )

    assert done.returncode == 0, done.stderr
    with (kept / "r.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == CAMERAS
    for row in rows:
        states = ("proven", "signalled", "offline", "unknown", "excluded", "not_commissioned")
        assert sum(int(row[f"{state}_s"]) for state in states) == TWO_DAYS_S
        assert row["key"].strip() in {"340202", "340207", "340221"}


@pytest.mark.timeout(TEST_LIMIT_S)
def test_a_circular_is_written_and_says_what_it_rests_on(kept: Path) -> None:
    book = vms(kept, "report", "online-rate", *DAYS, "--out", "month.xlsx", "--language", "zh")
    paper = vms(kept, "report", "online-rate", *DAYS, "--out", "month.pdf")

    assert book.returncode == 0, book.stderr
    assert "8/8 proof" in book.stderr
    hashes = [re.search(r"[0-9a-f]{64}", each.stdout) for each in (book, paper)]
    assert hashes[0] is not None
    assert hashes[1] is not None
    assert hashes[0].group() == hashes[1].group()
    sheets = openpyxl.load_workbook(kept / "month.xlsx")
    assert sheets["排名"].max_row == 4
    assert sheets["点位明细"].max_row == 1 + CAMERAS
    assert (kept / "month.pdf").read_bytes()[:5] == b"%PDF-"


@pytest.mark.timeout(TEST_LIMIT_S)
def test_without_a_file_the_rows_are_printed(kept: Path) -> None:
    done = vms(kept, "report", "online-rate", *DAYS, "--group-by", "division_4")

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert "%" in done.stdout


@pytest.mark.timeout(TEST_LIMIT_S)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((*DAYS, "--out", "x.doc"), "ends in none of"),
        ((*DAYS, "--group-by", "colour"), "group by one or two of"),
        ((*DAYS, "--group-by", "model", "--out", "x.pdf"), "a circular ranks by one of"),
        (("--from", "2030-01-01", "--to", "2030-01-02"), "the ledger reaches to"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    kept: Path, options: tuple[str, ...], said: str
) -> None:
    done = vms(kept, "report", "online-rate", *options)

    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (kept / "x.pdf").exists()


@pytest.mark.timeout(TEST_LIMIT_S)
def test_where_no_server_ever_ran_there_is_nothing_to_report(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()

    done = vms(tmp_path, "report", "online-rate", *DAYS)

    assert done.returncode == 1
    assert "no server ever ran" in done.stderr
