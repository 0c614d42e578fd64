"""A person who keeps the file of cameras, at the page in a real Chromium."""

from pathlib import Path

import pytest

from tests.support.console import PATIENCE_MS, console
from tests.support.served import served

RECORDER = "34020000001180000001"
NORTH = "34020000001320000001"
SOUTH = "34020000001320000002"

pytestmark = pytest.mark.timeout(240)


async def test_a_sheet_with_one_bad_row_is_imported_and_the_bad_row_comes_back_to_be_mended(
    tmp_path: Path,
) -> None:
    sheet, mended = tmp_path / "cameras.csv", tmp_path / "errors.csv"
    rows = (f"{RECORDER},{NORTH},1,Harbour office", f"{RECORDER},{SOUTH},7,Harbour office")
    sheet.write_text("\n".join(("device_id,channel_id,class,department", *rows)) + "\n")
    async with served(tmp_path) as place, console(place) as somebody:
        page = somebody.page
        await place.api.post("/devices", json={"device_id": RECORDER, "secret": "a secret"})
        for channel_id in (NORTH, SOUTH):
            body = {"channel_id": channel_id}
            answer = await place.api.post(f"/devices/{RECORDER}/channels", json=body)
            assert answer.status_code == 201, answer.text
        await page.get_by_test_id("nav-inventory").click()
        await page.get_by_test_id("tab-sheets").click()

        await page.get_by_test_id("import-file").set_input_files(sheet)

        state = page.get_by_test_id("import-state")
        await state.and_(page.locator("[data-trial=true]")).wait_for(timeout=PATIENCE_MS)
        channel = f"/devices/{RECORDER}/channels/{NORTH}"
        assert (await place.api.get(channel)).json()["department"] == ""

        await page.get_by_test_id("import-apply").click()

        await state.and_(page.locator("[data-trial=false]")).wait_for(timeout=PATIENCE_MS)
        assert await page.get_by_test_id("import-changed").inner_text() == "1"
        assert await page.get_by_test_id("import-refused").inner_text() == "1"
        assert "1, 2, 3 or 9" in await page.get_by_test_id("import-refusals").inner_text()
        async with page.expect_download() as coming:
            await page.get_by_test_id("import-errors-csv").click()
        await (await coming.value).save_as(mended)
        errors = mended.read_text(encoding="utf-8-sig")
        assert SOUTH in errors
        assert NORTH not in errors

        await page.get_by_test_id("tab-channels").click()
        row = page.get_by_test_id(f"file-{RECORDER}-{NORTH}")
        await row.get_by_text("Harbour office").wait_for(timeout=PATIENCE_MS)
        assert (await place.api.get(channel)).json()["department"] == "Harbour office"
