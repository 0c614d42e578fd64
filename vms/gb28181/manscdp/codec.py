"""MANSCDP bodies: bytes to messages and back (GB/T 28181-2022 annex A.2).

Generous with what comes in, each deviation named; exact with what goes out.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import singledispatch
from typing import TypeVar
from xml.sax.saxutils import escape

from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.document import Document, read_document
from vms.gb28181.manscdp.fields import (
    read_coordinate,
    read_integer,
    read_switch,
    read_time,
    write_time,
)
from vms.gb28181.manscdp.items import read_item, write_item, write_item_info
from vms.gb28181.manscdp.messages import (
    AlarmInputStatus,
    AlarmNotify,
    AlarmResponse,
    CatalogChange,
    CatalogEvent,
    CatalogItem,
    CatalogNotify,
    CatalogQuery,
    CatalogResponse,
    DeviceInfoQuery,
    DeviceInfoResponse,
    DeviceStatusQuery,
    DeviceStatusResponse,
    Keepalive,
    KeyFrameControl,
    MediaStatus,
    Message,
    Result,
    Unknown,
)
from vms.gb28181.manscdp.tolerances import Tolerance
from vms.gb28181.version import Edition

_T = TypeVar("_T")

CONTENT_TYPE = "Application/MANSCDP+xml"

_EXACT_KEEPALIVE = re.compile(
    rb"(?:<\?xml [\x20-\x3b=\x40-\x7e]{1,60}\?>)?\s*+<Notify>\s*+<CmdType>Keepalive</CmdType>\s*+"
    rb"<SN>([1-9][0-9]{0,9})</SN>\s*+<DeviceID>([0-9]{1,20})</DeviceID>\s*+<Status>OK</Status>\s*+"
    rb"(?:<Info>\s*+</Info>\s*+|<Info\s?/>\s*+)?</Notify>\s*+\Z"
)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message, and by name what had to be forgiven to read it."""

    message: Message
    tolerances: tuple[Tolerance, ...] = ()


def decode(body: bytes) -> Decoded:
    """Read a MANSCDP body; raises `ProtocolError`, whatever the bytes.

    Element order is free, unknown elements are ignored, a message of no known (root, CmdType)
    is `Unknown`. Items of a catalogue are read one by one.
    """
    # One body in a hundred is no keepalive: the bulk is told apart without an XML parser.
    keepalive = _EXACT_KEEPALIVE.match(body)
    if keepalive:
        return Decoded(Keepalive(int(keepalive[1]), DeviceId(keepalive[2].decode("ascii"))))

    document = read_document(body)
    reader = _Reader(document)
    cmd_type = document.leaves.get("CmdType", "")
    if not cmd_type:
        raise ProtocolError("a MANSCDP body without a CmdType")
    read = _READERS.get((document.root, cmd_type))
    message = read(reader) if read else None
    if message is None:
        message = Unknown(document.root, cmd_type, reader.sn(), reader.device_id_or_none(), body)
    return Decoded(message, tuple(sorted(document.notes)))


class _Reader:
    """A document's leaves as typed values; notes what had to be forgiven."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.notes = document.notes
        self._leaves = document.leaves
        # Some senders put the children of Info at the root: a root leaf wins, Info comes second.
        self._info: dict[str, str] = {}
        for name, text in document.info:
            self._info.setdefault(name, text)

    def text(self, name: str) -> str:
        return self._leaves.get(name) or self._info.get(name, "")

    def sn(self) -> int:
        sn = read_integer(self._leaves.get("SN", ""))
        if sn is None or sn < 1:
            self.notes.add(Tolerance.SN)
            return 0
        return sn

    def device_id(self) -> DeviceId:
        return DeviceId.parse(self._leaves.get("DeviceID", ""))

    def device_id_or_none(self) -> DeviceId | None:
        try:
            return self.device_id()
        except ProtocolError:
            return None

    def integer(self, name: str) -> int | None:
        return self._noted(read_integer(self.text(name)), name)

    def degrees(self, name: str, limit: float) -> float | None:
        return self._noted(read_coordinate(self.text(name), limit), name)

    def switch(self, name: str) -> bool | None:
        return self._noted(read_switch(self.text(name)), name)

    def result(self, name: str) -> Result:
        text = self.text(name)
        if text in ("OK", "ERROR"):
            return Result(text)
        self.notes.add(Tolerance.RESULT_WORD)
        return Result.ERROR if read_switch(text) is False else Result.OK

    def time(self, name: str) -> datetime | None:
        return self._noted(read_time(self.text(name)), name)

    def items(self) -> Iterator[tuple[CatalogItem, Mapping[str, str]]]:
        """Each usable item of a catalogue with its leaves; the others cost only themselves."""
        for leaves in self.document.items:
            try:
                yield read_item(leaves, self.notes), leaves
            except ProtocolError:
                self.notes.add(Tolerance.ITEM_DAMAGED)

    def total(self, counted: int) -> int:
        total = read_integer(self._leaves.get("SumNum", ""))
        if total is None or total < 0:
            self.notes.add(Tolerance.TOTAL)
            return counted
        return total

    def _noted(self, value: _T | None, name: str) -> _T | None:
        if value is None and self.text(name):
            self.notes.add(Tolerance.NUMBER)
        return value


def _read_keepalive(reader: _Reader) -> Message:
    return Keepalive(
        sn=reader.sn(),
        device_id=reader.device_id(),
        status=reader.result("Status"),
        faulty=tuple(_faulty_ids(reader)),
    )


def _faulty_ids(reader: _Reader) -> Iterator[ChannelId]:
    for name, text in reader.document.info:
        if name == "DeviceID":
            try:
                yield ChannelId.parse(text)
            except ProtocolError:
                reader.notes.add(Tolerance.ITEM_DAMAGED)


def _read_catalog_response(reader: _Reader) -> Message | None:
    leaves, entries = reader.document.leaves, reader.document.items
    if not entries and "Result" in leaves and "SumNum" not in leaves:
        return None  # "received", the answer to a notification up to 2016
    if any("Event" in entry for entry in entries):
        reader.notes.add(Tolerance.RESPONSE_ROOT)
        return _read_catalog_notify(reader)
    items = tuple(item for item, _ in reader.items())
    return CatalogResponse(
        sn=reader.sn(),
        device_id=reader.device_id(),
        total=reader.total(len(entries)),
        items=items,
        damaged=len(entries) - len(items),
    )


def _read_catalog_notify(reader: _Reader) -> Message:
    entries = reader.document.items
    changes = tuple(
        CatalogChange(_read_event(leaves.get("Event", ""), reader.notes), item)
        for item, leaves in reader.items()
    )
    return CatalogNotify(
        sn=reader.sn(),
        device_id=reader.device_id(),
        total=reader.total(len(entries)),
        changes=changes,
        damaged=len(entries) - len(changes),
    )


def _read_event(text: str, notes: set[Tolerance]) -> CatalogEvent:
    try:
        return CatalogEvent(text.upper())
    except ValueError:
        notes.add(Tolerance.EVENT_WORD)
        return CatalogEvent.UPDATE


def _read_device_info(reader: _Reader) -> Message:
    return DeviceInfoResponse(
        sn=reader.sn(),
        device_id=reader.device_id(),
        result=reader.result("Result"),
        device_name=reader.text("DeviceName"),
        manufacturer=reader.text("Manufacturer"),
        model=reader.text("Model"),
        firmware=reader.text("Firmware"),
        channel_count=reader.integer("Channel"),
    )


def _read_device_status(reader: _Reader) -> Message:
    return DeviceStatusResponse(
        sn=reader.sn(),
        device_id=reader.device_id(),
        result=reader.result("Result"),
        is_online=reader.switch("Online"),
        is_working=reader.switch("Status"),
        reason=reader.text("Reason"),
        is_encoding=reader.switch("Encode"),
        is_recording=reader.switch("Record"),
        device_time=reader.time("DeviceTime"),
        alarm_inputs=tuple(_alarm_inputs(reader)),
    )


def _alarm_inputs(reader: _Reader) -> Iterator[AlarmInputStatus]:
    for leaves in reader.document.items:
        try:
            channel_id = ChannelId.parse(leaves.get("DeviceID", ""))
        except ProtocolError:
            reader.notes.add(Tolerance.ITEM_DAMAGED)
            continue
        # The 2011 schema calls it Status.
        duty_status = leaves.get("DutyStatus") or leaves.get("Status", "")
        yield AlarmInputStatus(channel_id, duty_status)


def _read_alarm(reader: _Reader) -> Message:
    return AlarmNotify(
        sn=reader.sn(),
        device_id=reader.device_id(),
        priority=reader.integer("AlarmPriority") or 0,
        method=reader.integer("AlarmMethod") or 0,
        occurred_at=reader.time("AlarmTime"),
        description=reader.text("AlarmDescription"),
        longitude=reader.degrees("Longitude", 180),
        latitude=reader.degrees("Latitude", 90),
        alarm_type=reader.integer("AlarmType"),
        event_type=reader.integer("EventType"),
    )


def _read_media_status(reader: _Reader) -> Message:
    return MediaStatus(reader.sn(), reader.device_id(), reader.integer("NotifyType") or 0)


def _read_device_control(reader: _Reader) -> Message | None:
    if reader.text("IFameCmd") or reader.text("IFrameCmd"):
        return KeyFrameControl(reader.sn(), reader.device_id())
    return None


_READERS: Mapping[tuple[str, str], Callable[[_Reader], Message | None]] = {
    ("Notify", "Keepalive"): _read_keepalive,
    ("Query", "Catalog"): lambda reader: CatalogQuery(reader.sn(), reader.device_id()),
    ("Response", "Catalog"): _read_catalog_response,
    ("Notify", "Catalog"): _read_catalog_notify,
    ("Query", "DeviceInfo"): lambda reader: DeviceInfoQuery(reader.sn(), reader.device_id()),
    ("Response", "DeviceInfo"): _read_device_info,
    ("Query", "DeviceStatus"): lambda reader: DeviceStatusQuery(reader.sn(), reader.device_id()),
    ("Response", "DeviceStatus"): _read_device_status,
    ("Notify", "Alarm"): _read_alarm,
    ("Response", "Alarm"): lambda reader: AlarmResponse(
        reader.sn(), reader.device_id(), reader.result("Result")
    ),
    ("Notify", "MediaStatus"): _read_media_status,
    ("Control", "DeviceControl"): _read_device_control,
}


_NAMES: Mapping[type, tuple[str, str]] = {
    Keepalive: ("Notify", "Keepalive"),
    CatalogQuery: ("Query", "Catalog"),
    CatalogResponse: ("Response", "Catalog"),
    CatalogNotify: ("Notify", "Catalog"),
    DeviceInfoQuery: ("Query", "DeviceInfo"),
    DeviceInfoResponse: ("Response", "DeviceInfo"),
    DeviceStatusQuery: ("Query", "DeviceStatus"),
    DeviceStatusResponse: ("Response", "DeviceStatus"),
    AlarmNotify: ("Notify", "Alarm"),
    AlarmResponse: ("Response", "Alarm"),
    MediaStatus: ("Notify", "MediaStatus"),
    KeyFrameControl: ("Control", "DeviceControl"),
}


def encode(message: Message, edition: Edition) -> bytes:
    """Write a MANSCDP body for a peer of `edition`: CRLF, elements in the schema's order.

    Up to 2016 it is labelled GB2312 and holds GB 18030, its superset; since 2022 it says so (6.10).
    `Unknown` is written as it came.
    """
    if isinstance(message, Unknown):
        return message.raw
    root, cmd_type = _NAMES[type(message)]
    charset = "GB18030" if edition is Edition.E2022 else "GB2312"
    lines = [
        f'<?xml version="1.0" encoding="{charset}"?>',
        f"<{root}>",
        f"<CmdType>{cmd_type}</CmdType>",
        f"<SN>{message.sn}</SN>",
        f"<DeviceID>{message.device_id}</DeviceID>",
        *(element for element in _elements(message, edition) if element),
        f"</{root}>",
        "",
    ]
    return "\r\n".join(lines).encode("gb18030")


def _element(name: str, text: str) -> str:
    """One leaf; nothing where there is no text."""
    return f"<{name}>{escape(_NOT_XML.sub('', text))}</{name}>" if text else ""


def _block(name: str, elements: Iterable[str], attribute: str = "") -> str:
    """An element with children; nothing where there are none."""
    inner = "\r\n".join(element for element in elements if element)
    return f"<{name}{attribute}>\r\n{inner}\r\n</{name}>" if inner else ""


def _list(name: str, items: Sequence[str]) -> str:
    """A list with its Num attribute; no element at all where nothing is listed (annex M)."""
    return _block(name, items, f' Num="{len(items)}"')


def _item_block(item: CatalogItem, edition: Edition, event: str = "") -> str:
    elements = [_element(name, text) for name, text in write_item(item, edition, event)]
    info = [_element(name, text) for name, text in write_item_info(item, edition)]
    return _block("Item", [*elements, _block("Info", info)])


@singledispatch
def _elements(message: Message, edition: Edition) -> Iterable[str]:
    """What follows CmdType, SN and DeviceID; queries have nothing to add."""
    return ()


@_elements.register
def _of_keepalive(message: Keepalive, _: Edition) -> Iterable[str]:
    yield _element("Status", message.status)
    yield _block("Info", [_element("DeviceID", channel_id) for channel_id in message.faulty])


@_elements.register
def _of_catalog_response(message: CatalogResponse, edition: Edition) -> Iterable[str]:
    yield _element("SumNum", str(message.total))
    yield _list("DeviceList", [_item_block(item, edition) for item in message.items])


@_elements.register
def _of_catalog_notify(message: CatalogNotify, edition: Edition) -> Iterable[str]:
    yield _element("SumNum", str(message.total))
    yield _list(
        "DeviceList",
        [_item_block(change.item, edition, change.event) for change in message.changes],
    )


@_elements.register
def _of_device_info(message: DeviceInfoResponse, _: Edition) -> Iterable[str]:
    yield _element("Result", message.result)
    yield _element("DeviceName", message.device_name)
    yield _element("Manufacturer", message.manufacturer)
    yield _element("Model", message.model)
    yield _element("Firmware", message.firmware)
    yield _element("Channel", _number(message.channel_count))


@_elements.register
def _of_device_status(message: DeviceStatusResponse, _: Edition) -> Iterable[str]:
    yield _element("Result", message.result)
    yield _element("Online", _switch(message.is_online, "ONLINE", "OFFLINE"))
    yield _element("Status", _switch(message.is_working, "OK", "ERROR"))
    yield _element("Reason", message.reason)
    yield _element("Encode", _switch(message.is_encoding, "ON", "OFF"))
    yield _element("Record", _switch(message.is_recording, "ON", "OFF"))
    yield _element("DeviceTime", write_time(message.device_time) if message.device_time else "")
    yield _list("Alarmstatus", [_alarm_input_block(one) for one in message.alarm_inputs])


def _alarm_input_block(one: AlarmInputStatus) -> str:
    return _block(
        "Item", [_element("DeviceID", one.channel_id), _element("DutyStatus", one.duty_status)]
    )


@_elements.register
def _of_alarm(message: AlarmNotify, _: Edition) -> Iterable[str]:
    yield _element("AlarmPriority", str(message.priority))
    yield _element("AlarmMethod", str(message.method))
    yield _element("AlarmTime", write_time(message.occurred_at) if message.occurred_at else "")
    yield _element("AlarmDescription", message.description)
    yield _element("Longitude", _degrees(message.longitude))
    yield _element("Latitude", _degrees(message.latitude))
    parameters = _block("AlarmTypeParam", [_element("EventType", _number(message.event_type))])
    yield _block("Info", [_element("AlarmType", _number(message.alarm_type)), parameters])


@_elements.register
def _of_alarm_response(message: AlarmResponse, _: Edition) -> Iterable[str]:
    yield _element("Result", message.result)


@_elements.register
def _of_media_status(message: MediaStatus, _: Edition) -> Iterable[str]:
    yield _element("NotifyType", str(message.notify_type))


@_elements.register
def _of_key_frame_control(_: KeyFrameControl, edition: Edition) -> Iterable[str]:
    yield _element("IFrameCmd" if edition is Edition.E2022 else "IFameCmd", "Send")


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _degrees(value: float | None) -> str:
    return "" if value is None else repr(value)


def _switch(value: bool | None, yes: str, no: str) -> str:
    if value is None:
        return ""
    return yes if value else no
