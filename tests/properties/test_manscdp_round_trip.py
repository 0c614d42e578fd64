"""For all messages: what is encoded is decoded again. For all bytes: a value or a ProtocolError."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.codec import Decoded, decode, encode
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
)
from vms.gb28181.version import Edition

numbers = st.integers(1, 2**31 - 1)
digits = st.text("0123456789", min_size=20, max_size=20)
device_ids = digits.map(DeviceId)
channel_ids = digits.map(ChannelId)
results = st.sampled_from(Result)
texts = st.text(
    st.characters(
        exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="\ufffe\uffff"
    ),
    max_size=20,
).filter(lambda text: text == text.strip())
words = st.text("abcXYZ/&<>\"'1", max_size=8)
degrees = st.none() | st.floats(-90, 90, allow_nan=False)
times = st.none() | st.integers(0, 4_000_000_000).map(
    lambda s: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
)
switches = st.none() | st.booleans()


@st.composite
def items(draw: st.DrawFn) -> CatalogItem:
    channel_id = draw(channel_ids)
    is_on = draw(st.booleans())
    word = draw(st.sampled_from(["", "ONLINE", "OK"] if is_on else ["", "OFFLINE", "DEFECT"]))
    parents = draw(st.lists(digits.filter(lambda one: one != channel_id), max_size=3, unique=True))
    return CatalogItem(
        channel_id=channel_id,
        name=draw(texts),
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


changes = st.builds(CatalogChange, st.sampled_from(CatalogEvent), items())
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        Keepalive, numbers, device_ids, results, st.lists(channel_ids, max_size=3).map(tuple)
    ),
    st.builds(CatalogQuery, numbers, device_ids),
    st.builds(
        CatalogResponse, numbers, device_ids, numbers, st.lists(items(), max_size=3).map(tuple)
    ),
    st.builds(
        CatalogNotify, numbers, device_ids, numbers, st.lists(changes, max_size=3).map(tuple)
    ),
    st.builds(DeviceInfoQuery, numbers, device_ids),
    st.builds(
        DeviceInfoResponse,
        numbers,
        device_ids,
        results,
        texts,
        words,
        words,
        words,
        st.none() | st.integers(0, 999),
    ),
    st.builds(DeviceStatusQuery, numbers, device_ids),
    st.builds(
        DeviceStatusResponse,
        numbers,
        device_ids,
        results,
        switches,
        switches,
        texts,
        switches,
        switches,
        times,
        st.lists(
            st.builds(AlarmInputStatus, channel_ids, st.sampled_from(["ONDUTY", "ALARM"])),
            max_size=3,
        ).map(tuple),
    ),
    st.builds(
        AlarmNotify,
        numbers,
        device_ids,
        st.integers(1, 4),
        st.integers(1, 7),
        times,
        texts,
        degrees,
        degrees,
        st.none() | st.integers(1, 13),
        st.none() | st.integers(1, 2),
    ),
    st.builds(AlarmResponse, numbers, device_ids, results),
    st.builds(MediaStatus, numbers, device_ids, st.integers(0, 999)),
    st.builds(KeyFrameControl, numbers, device_ids),
)


def reads_as_utf8(body: bytes) -> bool:
    """GB 18030 bytes that happen to be UTF-8 with Chinese in it: nobody can tell them apart."""
    try:
        return any(character >= "\u0800" for character in body.decode("utf-8"))
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize("edition", [Edition.E2011, Edition.E2016, Edition.E2022])
@given(message=messages)
def test_what_is_encoded_is_decoded_again(edition: Edition, message: Message) -> None:
    body = encode(message, edition)
    assume(not reads_as_utf8(body))

    assert decode(body).message == message


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
