"""One Item of a catalogue (GB/T 28181-2022 annex A.2.1.9): wire to value and back."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from vms.gb28181.ids import ChannelId, Kind, kind_of
from vms.gb28181.manscdp.fields import read_coordinate, read_integer, read_switch
from vms.gb28181.manscdp.messages import CatalogItem
from vms.gb28181.manscdp.tolerances import Tolerance
from vms.gb28181.version import Edition

MAX_PARENTS = 16
MAX_EXTRA = 64
"""Elements kept of those that have no field of their own; the standard knows some 40."""

_PARENT_SEPARATORS = re.compile(r"[/,\s]+")
_PARENT = re.compile(r"(?:[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{8}|[0-9]{18}|[0-9]{20})\Z")
_CIVIL_CODE = re.compile(r"(?:[0-9]{2}){1,4}\Z")
# Some Hikvision recorders copy the standard's samples, which print `Owner1`, `CivilCode1`,
# `Address1`, `Status1`: captures/manscdp/placeholders.xml
_PLACEHOLDERS = frozenset(
    f"{name}{digit}"
    for name in ("Owner", "CivilCode", "Address", "Status")
    for digit in ("", *"0123456789")
)

_MODELLED = frozenset(
    {
        "DeviceID",
        "Name",
        "Manufacturer",
        "Model",
        "Owner",
        "CivilCode",
        "Address",
        "ParentID",
        "BusinessGroupID",
        "Parental",
        "Secrecy",
        "PTZType",
        "Longitude",
        "Latitude",
        "Status",
        "Event",
    }
)
# Nobody here needs a camera's own password, so nobody here keeps it.
_UNKEPT = _MODELLED | {"Password"}

_AFTER_PARENT = (
    "SafetyWay",
    "RegisterWay",
    "CertNum",
    "Certifiable",
    "ErrCode",
    "EndTime",
    "SecurityLevelCode",
)
_AFTER_SECRECY = ("IPAddress", "Port")
_ITEM_LEVEL = frozenset(("Block", *_AFTER_PARENT, *_AFTER_SECRECY))
_REMOVED_IN_2022 = frozenset({"SafetyWay", "CertNum", "Certifiable", "ErrCode", "EndTime"})
_NEW_IN_2022 = frozenset({"SecurityLevelCode"})
_INFO_UP_TO_2016 = (
    "PTZType",
    "PositionType",
    "RoomType",
    "UseType",
    "SupplyLightType",
    "DirectionType",
    "Resolution",
    "BusinessGroupID",
    "DownloadSpeed",
    "SVCSpaceSupportMode",
    "SVCTimeSupportMode",
)
_INFO_SINCE_2022 = (
    "PTZType",
    "PhotoelectricImagingType",
    "CapturePositionType",
    "RoomType",
    "SupplyLightType",
    "DirectionType",
    "Resolution",
    "StreamNumberList",
    "DownloadSpeed",
    "SVCSpaceSupportMode",
    "SVCTimeSupportMode",
    "SSVCRatioSupportList",
    "MobileDeviceType",
    "HorizontalFieldAngle",
    "VerticalFieldAngle",
    "MaxViewDistance",
    "GrassrootsCode",
    "PointType",
    "PointCommonName",
    "MAC",
    "FunctionType",
    "EncodeType",
    "InstallTime",
    "ManagementUnit",
    "ContactInfo",
    "RecordSaveDays",
    "IndustrialClassification",
)
_OF_SOME_EDITION = frozenset((*_ITEM_LEVEL, *_INFO_UP_TO_2016, *_INFO_SINCE_2022))
_NODES = frozenset({Kind.DIVISION, Kind.BUSINESS_GROUP, Kind.VIRTUAL_ORGANISATION})


def read_item(leaves: Mapping[str, str], notes: set[Tolerance]) -> CatalogItem:
    """An item from its leaves; raises `ProtocolError` where it names no channel."""
    channel_id = ChannelId.parse(leaves.get("DeviceID", ""))
    told = leaves.get
    is_on, status_text = _read_status(told("Status", ""), notes)
    # By position, in the order of the fields: catalogues are all of this, and names cost a tenth.
    return CatalogItem(
        channel_id,
        told("Name", ""),
        told("Manufacturer", ""),
        told("Model", ""),
        unless_placeholder(told("Owner", ""), notes),
        _read_civil_code(told("CivilCode", ""), notes),
        unless_placeholder(told("Address", ""), notes),
        read_parents(told("ParentID", ""), channel_id, notes),
        told("BusinessGroupID", ""),
        _read_flag(told("Parental", ""), notes),
        _read_flag(told("Secrecy", ""), notes),
        _read_number(told("PTZType", ""), notes),
        read_degrees(told("Longitude", ""), 180, notes),
        read_degrees(told("Latitude", ""), 90, notes),
        is_on,
        status_text,
        _unmodelled(leaves),
    )


def _unmodelled(leaves: Mapping[str, str]) -> dict[str, str]:
    found = {tag: text for tag, text in leaves.items() if tag not in _UNKEPT}
    return found if len(found) <= MAX_EXTRA else dict(islice(found.items(), MAX_EXTRA))


def _read_status(text: str, notes: set[Tolerance]) -> tuple[bool, str]:
    """A channel without a usable Status counts as on: it is listed, and nothing says otherwise."""
    if text in ("ON", "OFF"):
        return text == "ON", ""
    if text in _PLACEHOLDERS:
        notes.add(Tolerance.PLACEHOLDER)
        return True, ""
    if text:
        notes.add(Tolerance.STATUS_WORD)
    return read_switch(text) is not False, text


def unless_placeholder(text: str, notes: set[Tolerance]) -> str:
    """A text; nothing where it is the name that the standard's samples print for one."""
    if text in _PLACEHOLDERS:
        notes.add(Tolerance.PLACEHOLDER)
        return ""
    return text


def _read_civil_code(text: str, notes: set[Tolerance]) -> str:
    text = unless_placeholder(text, notes)
    if text and not _CIVIL_CODE.match(text):
        notes.add(Tolerance.CIVIL_CODE)
        return ""
    return text


def read_parents(text: str, channel_id: str, notes: set[Tolerance]) -> tuple[str, ...]:
    """The parents named, each once: devices hang in several trees, written `a/b` (4.5.2)."""
    if not text:
        return ()
    if _PARENT.match(text) and text != channel_id:
        return (text,)  # nearly always
    named = [part for part in _PARENT_SEPARATORS.split(text) if part]
    usable = [part for part in named if _PARENT.match(part) and part != channel_id]
    if len(usable) != len(named) or len(usable) > MAX_PARENTS:
        notes.add(Tolerance.PARENT_ID)
    return tuple(dict.fromkeys(usable[:MAX_PARENTS]))


def _read_flag(text: str, notes: set[Tolerance]) -> bool:
    # Hikvision recorders send Parental 65535: captures/manscdp/parental-65535.xml
    if text not in ("", "0", "1"):
        notes.add(Tolerance.NUMBER)
        return (read_integer(text) or 0) > 0
    return text == "1"


def _read_number(text: str, notes: set[Tolerance]) -> int | None:
    if not text:
        return None
    number = read_integer(text)
    if number is None:
        notes.add(Tolerance.NUMBER)
    return number


def read_degrees(text: str, limit: float, notes: set[Tolerance]) -> float | None:
    """A coordinate within ±`limit`."""
    if not text:
        return None
    # Cameras without a position leave it empty: captures/manscdp/empty-longitude.xml
    degrees = read_coordinate(text, limit)
    if degrees is None:
        notes.add(Tolerance.NUMBER)
    return degrees


def write_item(item: CatalogItem, edition: Edition, event: str = "") -> Iterator[tuple[str, str]]:
    """The item's elements in the schema's order, unescaped; those with empty text are optional.

    Divisions, groups and organisations carry only what says something. What the 2022 edition
    removed is left out for it.
    """
    is_2022 = edition is Edition.E2022
    is_node = kind_of(item.channel_id) in _NODES
    yield "DeviceID", item.channel_id
    yield "Event", event
    yield "Name", item.name
    yield "Manufacturer", item.manufacturer
    yield "Model", item.model
    yield "Owner", "" if is_2022 else item.owner
    yield "CivilCode", item.civil_code
    yield "Block", item.extra.get("Block", "")
    yield "Address", item.address
    yield "Parental", _write_flag(item.parental, is_optional=is_node)
    yield "ParentID", "/".join(item.parent_ids)
    for name in _AFTER_PARENT:
        if name not in (_REMOVED_IN_2022 if is_2022 else _NEW_IN_2022):
            yield name, item.extra.get(name, "")
    yield "Secrecy", _write_flag(item.secrecy, is_optional=is_node)
    for name in _AFTER_SECRECY:
        yield name, item.extra.get(name, "")
    if item.status_text or not item.is_on or not is_node:
        yield "Status", item.status_text or ("ON" if item.is_on else "OFF")
    yield "Longitude", "" if item.longitude is None else repr(item.longitude)
    yield "Latitude", "" if item.latitude is None else repr(item.latitude)
    yield "BusinessGroupID", item.business_group_id if is_2022 or is_node else ""


def write_item_info(item: CatalogItem, edition: Edition) -> Iterator[tuple[str, str]]:
    """The elements of the item's Info block in the schema's order; 2011 knows no such block.

    Up to 2016 a device's group is named there. What no edition knows comes last, as it was read.
    """
    if edition is Edition.E2011:
        return
    is_2022 = edition is Edition.E2022
    own = {"PTZType": "" if item.ptz_type is None else str(item.ptz_type)}
    if not is_2022 and kind_of(item.channel_id) not in _NODES:
        own["BusinessGroupID"] = item.business_group_id
    for name in _INFO_SINCE_2022 if is_2022 else _INFO_UP_TO_2016:
        yield name, own.get(name) or item.extra.get(name, "")
    for name, text in item.extra.items():
        if name not in _OF_SOME_EDITION:
            yield name, text


def _write_flag(is_set: bool, *, is_optional: bool) -> str:
    return "" if is_optional and not is_set else str(int(is_set))
