"""The page speaks of the standard's codes as the server does."""

import json

import pytest

from tests.support.tools import ROOT
from vms.gb28181.ids import ChannelId
from vms.gb28181.manscdp.catalog import CatalogItem
from vms.gb28181.manscdp.codes import CAPTURE_AREAS
from vms.gb28181.manscdp.items import write_item, write_item_info
from vms.gb28181.version import Edition
from vms.inventory.catalog_fields import snake_case
from vms.inventory.overriding import OVERRIDABLE


def words(locale: str) -> dict[str, dict[str, str]]:
    text = (ROOT / "web" / "src" / "i18n" / f"{locale}.json").read_text(encoding="utf-8")
    sections: dict[str, dict[str, str]] = json.loads(text)
    return sections


def test_the_page_names_every_kind_of_surroundings_of_annex_o() -> None:
    chinese, english = words("zh-CN")["site-type"], words("en")["site-type"]

    assert chinese == {code: label.chinese for code, label in CAPTURE_AREAS.items()}
    assert {code: name.casefold() for code, name in english.items()} == {
        code: label.english.casefold() for code, label in CAPTURE_AREAS.items()
    }


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_the_page_names_every_field_that_can_be_set_of_a_channel(locale: str) -> None:
    assert {"name", "division", *OVERRIDABLE} <= words(locale)["channel-field"].keys()


@pytest.mark.parametrize("edition", [Edition.E2016, Edition.E2022])
@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_the_page_names_every_field_that_a_device_may_report_of_a_channel(
    locale: str, edition: Edition
) -> None:
    camera = CatalogItem(ChannelId("34020000001320000001"))
    elements = [*write_item(camera, edition), *write_item_info(camera, edition)]
    named = {snake_case(element) for element, _ in elements} - {"event"}

    assert len(named) > 25
    assert named <= words(locale)["reported-field"].keys()
