"""For all messages: what is encoded is decoded again. For all bytes: a value or a ProtocolError."""

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import EnumType
from functools import cache, partial
from types import NoneType, UnionType
from typing import cast, get_args, get_origin, get_type_hints

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.codec import Decoded, decode, encode
from vms.gb28181.manscdp.editions import ORDER
from vms.gb28181.manscdp.messages import (
    CatalogItem,
    ConfigControl,
    Message,
    Position,
    SvacDecodeConfig,
    SvacEncodeConfig,
)
from vms.gb28181.manscdp.registry import COMMANDS, CONFIG_TYPES
from vms.gb28181.version import Edition

# Numbers that are in range of every element, and words that are a part of every list.
small = st.integers(1, 3)
numbers = st.integers(1, 2**31 - 1)
digits = st.text("0123456789", min_size=20, max_size=20)
device_ids = digits.map(DeviceId)
channel_ids = digits.map(ChannelId)
texts = st.text(
    st.characters(
        exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="\ufffe\uffff/"
    ),
    min_size=1,
    max_size=20,
)
words = st.text("abcXYZ/&<>\"'1", max_size=8)
decimals = st.floats(-90, 90, allow_nan=False)
degrees = st.none() | decimals
times = st.integers(0, 4_000_000_000).map(
    lambda s: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
)
xml = st.sampled_from(["", "<ROIParam><ROIFlag>0</ROIFlag></ROIParam>", "<a>&lt;</a><b />"])


@st.composite
def items(draw: st.DrawFn) -> CatalogItem:
    channel_id = draw(channel_ids)
    is_on = draw(st.booleans())
    word = draw(st.sampled_from(["", "ONLINE", "OK"] if is_on else ["", "OFFLINE", "DEFECT"]))
    parents = draw(st.lists(digits.filter(lambda one: one != channel_id), max_size=3, unique=True))
    return CatalogItem(
        channel_id=channel_id,
        name=draw(texts | st.just("")),
        manufacturer=draw(words),
        model=draw(words),
        civil_code=draw(st.sampled_from(["", "34", "3402", "340200", "34020000"])),
        address=draw(words),
        parent_ids=tuple(parents),
        business_group_id=draw(digits | st.just("")),
        parental=draw(st.booleans()),
        secrecy=draw(st.booleans()),
        ptz_type=draw(st.none() | st.integers(0, 99)),
        longitude=draw(degrees),
        latitude=draw(degrees),
        is_on=is_on,
        status_text=word,
        extra=draw(
            st.dictionaries(
                st.sampled_from(["RegisterWay", "Block", "Port", "Resolution", "PointType"]),
                words.filter(bool),
            )
        ),
    )


SCALARS: dict[object, st.SearchStrategy[object]] = {
    int: small,
    float: decimals,
    str: texts,
    bool: st.booleans(),
    bytes: st.binary(min_size=8, max_size=8),
    datetime: times,
    DeviceId: device_ids,
    ChannelId: channel_ids,
    CatalogItem: items(),
    SvacEncodeConfig: xml.map(SvacEncodeConfig),
    SvacDecodeConfig: xml.map(SvacDecodeConfig),
}
# What is counted, left out or forgotten on the way is not drawn.
CONSTANTS: dict[str, object] = {"damaged": 0, "unread": (), "password": ""}
# Of a BasicParam these are only read.
READ_ONLY = {"position_capability", "longitude", "latitude"}
WRITABLE = tuple(one.cls for one in CONFIG_TYPES if one.control_form)
READABLE = tuple(one.cls for one in CONFIG_TYPES)


def any_value(kind: object) -> st.SearchStrategy[object]:
    """Any value of an annotated type of the messages."""
    if kind in SCALARS:
        return SCALARS[kind]
    if isinstance(kind, EnumType):
        return st.sampled_from(list(kind))
    inner = get_args(kind)
    if get_origin(kind) is tuple:
        return st.lists(any_value(inner[0]), max_size=3).map(tuple)
    if isinstance(kind, UnionType):
        return st.one_of(*(st.none() if one is NoneType else any_value(one) for one in inner))
    assert isinstance(kind, type)
    return any_of(kind)


@cache
def any_of(cls: type) -> st.SearchStrategy[object]:
    """Any value of a dataclass, attribute by attribute."""
    drawn = {
        name: SPECIAL.get(f"{cls.__name__}.{name}", partial(any_value, kind))()
        for name, kind in get_type_hints(cls).items()
        if name not in CONSTANTS
    }
    return st.builds(cls, **drawn)


def blocks_of(classes: tuple[type, ...], least: int) -> st.SearchStrategy[object]:
    """Blocks of a configuration."""
    one = st.sampled_from(classes).flatmap(any_value)
    return st.lists(one, min_size=least, max_size=3).map(tuple)


SPECIAL: dict[str, Callable[[], st.SearchStrategy[object]]] = {
    "ConfigControl.blocks": lambda: blocks_of(WRITABLE, 1),
    "ConfigDownloadResponse.blocks": lambda: blocks_of(READABLE, 0),
    "ConfigDownloadQuery.config_types": lambda: st.lists(texts, min_size=1, max_size=3).map(tuple),
    # The form of 2016 has room for one position.
    "MobilePositionNotify.positions": lambda: any_of(Position).map(lambda one: (one,)),
    "MobilePositionNotify.total": lambda: st.just(1),
    # None is the sender, and is read by its name.
    "Position.source_id": lambda: channel_ids,
}
"""Attributes that are not drawn from their type alone."""

CLASSES = tuple(dict.fromkeys(command.cls for command in COMMANDS))
messages = cast("st.SearchStrategy[Message]", st.sampled_from(CLASSES).flatmap(any_of))


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every single value within a message, by its path; not what only remembers how it was read."""
    if is_dataclass(value):
        for one in fields(value):
            if one.compare:
                yield from leaves(getattr(value, one.name), f"{path}.{one.name}")
    elif isinstance(value, tuple):
        many = cast("tuple[object, ...]", value)
        yield f"{path}.count", len(many)
        for number, item in enumerate(many):
            yield from leaves(item, f"{path}.{number}")
    else:
        yield path, value


def reads_as_utf8(body: bytes) -> bool:
    """GB 18030 bytes that happen to be UTF-8 with Chinese in it: nobody can tell them apart."""
    try:
        return any(character >= "\u0800" for character in body.decode("utf-8"))
    except UnicodeDecodeError:
        return False


@given(message=messages)
def test_every_value_of_every_message_survives_in_some_edition(message: Message) -> None:
    bodies = [encode(message, edition) for edition in ORDER]
    assume(not any(map(reads_as_utf8, bodies)))

    survived = [dict(leaves(decode(body).message)) for body in bodies]

    for path, value in leaves(message):
        if isinstance(message, ConfigControl) and path.rpartition(".")[2] in READ_ONLY:
            continue
        assert any(path in one and one[path] == value for one in survived), path


@pytest.mark.parametrize("edition", Edition)
@given(message=messages)
def test_what_an_edition_has_room_for_is_decoded_again(edition: Edition, message: Message) -> None:
    body = encode(message, edition)
    assume(not reads_as_utf8(body))
    understood = decode(body).message

    assert type(understood) is type(message)
    assert encode(understood, edition) == body


@given(body=st.binary(max_size=400))
def test_any_bytes_give_a_message_or_a_protocol_error(body: bytes) -> None:
    try:
        decoded = decode(body)
    except ProtocolError:
        return
    assert isinstance(decoded, Decoded)


@given(message=messages, data=st.data())
def test_a_body_with_a_hole_or_a_wrong_byte_gives_a_message_or_a_protocol_error(
    message: Message, data: st.DataObject
) -> None:
    body = bytearray(encode(message, Edition.E2016))
    start = data.draw(st.integers(0, len(body) - 1))
    end = data.draw(st.integers(start, min(start + 40, len(body))))
    body[start:end] = data.draw(st.binary(max_size=10))
    try:
        decoded = decode(bytes(body))
    except ProtocolError:
        return
    assert isinstance(decoded, Decoded)


@given(
    parts=st.lists(
        st.sampled_from(
            re.findall(
                r"\S+",
                "<Response> </Response> <CmdType> Catalog </CmdType> <Item> </Item> <DeviceID>"
                " 34020000001320000001 </DeviceID> <SN> 1 </SN> <Info> </Info> & < > \0 = <a\u3000>"
                ' <!-- --> <![CDATA[ ]]> "',
            )
        ),
        max_size=40,
    )
)
def test_any_heap_of_tags_gives_a_message_or_a_protocol_error(parts: list[str]) -> None:
    try:
        decoded = decode("".join(parts).encode())
    except ProtocolError:
        return
    assert isinstance(decoded, Decoded)
