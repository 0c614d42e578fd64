"""The page speaks of the standard's codes as the server does."""

import json

import pytest

from tests.support.tools import ROOT
from vms.gb28181.manscdp.codes import CAPTURE_AREAS
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
