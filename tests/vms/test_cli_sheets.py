"""`vms import` and `vms export`, each in a process of its own."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.support.served import served
from tests.vms.test_cli import vms
from vms.accounts.model import Actor, Role

LIMIT_S = 60
TEST_LIMIT_S = 300
"""Several processes, one after the other, on whatever machine this is."""
BAD = {
    # row of the file: what stands there instead of the right ID, class, day
    12: ("3.402E+19", "1", "2024-03-01"),
    800: ("34020000001320000000", "1", "2024-03-01"),
    1601: ("12345678901234567890123", "1", "2024-03-01"),
    2402: (None, "5", "2024-03-01"),
    3203: (None, "1", "yesterday"),
    4004: ("", "1", "2024-03-01"),
    5001: ("34020000001320000009", "1", "2024-03-01"),
}
"""The last one is about the camera of row 10 again."""


def gb18030_sheet() -> bytes:
    lines = ["设备编号,通道编号,名称,点位类别,安装日期"]
    for row in range(2, 5002):
        channel_id, point_class, day = f"3402000000132{row - 1:07d}", "1", "2024-03-01"
        if row in BAD:
            wrong, point_class, day = BAD[row]
            channel_id = channel_id if wrong is None else wrong
        lines.append(f"34020000001180000001,{channel_id},路口 {row},{point_class},{day}")
    return "\r\n".join(lines).encode("gb18030")


@pytest.mark.timeout(TEST_LIMIT_S)
def test_5000_rows_with_7_bad_ones_at_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "nvr.csv").write_text("device_id\n34020000001180000001\n")
    (tmp_path / "cameras.csv").write_bytes(gb18030_sheet())
    assert vms(tmp_path, "import", "devices", "nvr.csv").returncode == 0

    done = vms(tmp_path, "import", "channels", "cameras.csv")

    assert done.returncode == 3, done.stderr
    assert "5000 rows: 4993 added, 0 changed, 0 unchanged, 7 refused" in done.stdout
    told = (tmp_path / "cameras.errors.csv").read_text(encoding="utf-8-sig")
    assert [int(row) for row in re.findall(r"Row (\d+): ", told) if int(row) in BAD] == list(BAD)


@pytest.mark.timeout(TEST_LIMIT_S)
async def test_beside_a_server_that_runs_the_way_is_through_it(tmp_path: Path) -> None:
    async with served(tmp_path) as up:
        owner = await up.server.accounts.user("admin")
        key = await up.server.accounts.add_key("sheets", owner, Role.OPERATOR, Actor("test"))
        (tmp_path / "nvr.csv").write_text("device_id,name\n34020000001180000001,North\n1.5,x\n")

        async def run(*arguments: str) -> tuple[int | None, str]:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "vms", *arguments),
                *("--set", f"database.url=sqlite+aiosqlite:///{tmp_path / 'vms.db'}"),
                cwd=tmp_path,
                env=os.environ | {"VMS_API_KEY": key.text},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            async with asyncio.timeout(LIMIT_S):
                output, _ = await process.communicate()
            return process.returncode, output.decode()

        (behind, sentence), (through, told) = await asyncio.gather(
            run("import", "devices", "nvr.csv"),
            run("import", "devices", "nvr.csv", "--server", up.url),
        )
        exported, _ = await run("export", "devices", "out.csv", "--server", up.url)

        assert (behind, "a server runs on this database" in sentence) == (1, True)
        assert (through, "1 added, 0 changed, 0 unchanged, 1 refused" in told) == (3, True)
        assert "1.5,x," in (tmp_path / "nvr.errors.csv").read_text(encoding="utf-8-sig")
        assert up.server.inventory.device("34020000001180000001").name_override == "North"
        assert exported == 0
        assert "North" in (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
