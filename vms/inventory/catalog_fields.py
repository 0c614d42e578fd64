"""A catalogue item as the standard names it: every reported field, and its codes in words."""

import re
from functools import lru_cache

from vms.gb28181.manscdp.catalog import CatalogItem
from vms.gb28181.manscdp.codes import CODES, Coded, read_capture_position, read_codes

ReportedValue = str | int | float | bool | list[str] | None

_WORD_AFTER_ACRONYM = re.compile(r"([A-Z]+)([A-Z][a-z])")
_WORD = re.compile(r"([a-z0-9])([A-Z])")
_CAPTURE_POSITION = "CapturePositionType"


@lru_cache(maxsize=1024)
def snake_case(element: str) -> str:
    """`PTZType` → `ptz_type`, `SVCSpaceSupportMode` → `svc_space_support_mode`."""
    parted = _WORD_AFTER_ACRONYM.sub(r"\1_\2", element)
    return _WORD.sub(r"\1_\2", parted).lower()


def reported_fields(item: CatalogItem) -> dict[str, ReportedValue]:
    """All that a device said of a channel, by the standard's names in snake_case (A.2.1.9).

    `status` is the word it used. Elements that no edition knows stand under their own names.
    """
    found: dict[str, ReportedValue] = {snake_case(name): text for name, text in item.extra.items()}
    found.update(
        device_id=item.channel_id,
        name=item.name,
        manufacturer=item.manufacturer,
        model=item.model,
        owner=item.owner,
        civil_code=item.civil_code,
        address=item.address,
        parent_id=list(item.parent_ids),
        business_group_id=item.business_group_id,
        parental=item.parental,
        secrecy=item.secrecy,
        ptz_type=item.ptz_type,
        longitude=item.longitude,
        latitude=item.latitude,
        status=item.status_text or ("ON" if item.is_on else "OFF"),
    )
    return found


def code_labels(item: CatalogItem) -> dict[str, tuple[Coded, ...]]:
    """The reported codes in words, by the same names; what the standard does not know has none."""
    texts = dict(item.extra)
    if item.ptz_type is not None:
        texts["PTZType"] = str(item.ptz_type)
    found = {
        snake_case(element): read_codes(element, text)
        for element, text in texts.items()
        if element in CODES and text
    }
    position = read_capture_position(texts.get(_CAPTURE_POSITION, ""))
    if position is not None:
        found[snake_case(_CAPTURE_POSITION)] = (position.major,)
    return found
