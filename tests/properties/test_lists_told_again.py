"""What is known by its text is what reading the text would come to."""

from dataclasses import replace

from hypothesis import event, example, given
from hypothesis import strategies as st

from vms.gb28181.errors import ProtocolError
from vms.gb28181.manscdp.catalog import CatalogItem, CatalogResponse
from vms.gb28181.manscdp.codec import Decoded, decode
from vms.gb28181.manscdp.tolerances import Tolerance

PART = (
    '<?xml version="1.0" encoding="GB2312"?>\r\n<Response>\r\n<CmdType>Catalog</CmdType>\r\n'
    "<SN>{}</SN>\r\n<DeviceID>64010000001110000001</DeviceID>\r\n<SumNum>100</SumNum>\r\n"
    '<DeviceList Num="2">\r\n{}</DeviceList>\r\n</Response>\r\n'
)
CAMERA = (
    "<Item>\r\n<DeviceID>64010000001310000001</DeviceID>\r\n<Name>东门</Name>\r\n"
    "<ParentID>64010000001110000001</ParentID>\r\n<Status>ON</Status>\r\n</Item>\r\n"
)

identifiers = st.sampled_from(["64010000001310000001", "64010000001310000002", "7", ""])
names = st.sampled_from(["East gate", "东门", "a&amp;b", "<"])
states = st.sampled_from(["ON", "OFF", "Status1", ""])
rests = st.sampled_from(["", "<Event>ADD</Event>", "<!-- -->", "<Name>x</Name>", "<Own>1</Own>"])
gaps = st.sampled_from(["", "\r\n", " ", "\u00a0"])
items = st.builds(
    "<Item>\r\n<DeviceID>{}</DeviceID>\r\n<Name>{}</Name>\r\n<Status>{}</Status>{}</Item>{}".format,
    identifiers,
    names,
    states,
    rests,
    gaps,
)
lists = st.lists(items, max_size=3).map("".join)


def read(body: bytes, known: dict[str, CatalogItem] | None = None) -> Decoded | None:
    try:
        return decode(body) if known is None else decode(body, known.get)
    except ProtocolError:
        return None


def on_file(body: bytes) -> dict[str, CatalogItem]:
    decoded = read(body)
    if decoded is None or not isinstance(decoded.message, CatalogResponse):
        return {}
    return {item.channel_id: item for item in decoded.message.items}


@given(lists, lists, st.booleans())
@example(CAMERA, CAMERA, False)
@example(CAMERA + CAMERA, "\r\n" + CAMERA, False)
def test_a_part_means_the_same_whatever_is_on_file(
    before: str, after: str, is_repeated: bool
) -> None:
    known = on_file(PART.format(1, before).encode("gb18030"))
    body = PART.format(2, before if is_repeated else after).encode("gb18030")

    decoded = read(body, known)

    assert decoded == read(body)
    if decoded is not None and isinstance(decoded.message, CatalogResponse):
        said = decoded.message.items
        event("known" if said and all(known.get(i.channel_id) is i for i in said) else "read")


def test_an_item_that_is_told_again_is_the_one_on_file() -> None:
    known = on_file(PART.format(1, CAMERA).encode("gb18030"))

    decoded = decode(PART.format(2, CAMERA).encode("gb18030"), known.get)

    assert isinstance(decoded.message, CatalogResponse)
    assert decoded.message.sn == 2
    assert decoded.message.items[0] is known["64010000001310000001"]


def test_an_item_that_was_changed_here_is_read_anew() -> None:
    [item] = on_file(PART.format(1, CAMERA).encode("gb18030")).values()
    known: dict[str, CatalogItem] = {item.channel_id: replace(item, is_on=False)}

    decoded = decode(PART.format(2, CAMERA).encode("gb18030"), known.get)

    assert isinstance(decoded.message, CatalogResponse)
    assert decoded.message.items[0].is_on


def test_what_had_to_be_forgiven_is_noted_each_time() -> None:
    body = PART.format(1, CAMERA.replace("ON", "Status1")).encode("gb18030")

    known: dict[str, CatalogItem] = on_file(body)

    decoded = decode(body, known.get)

    assert isinstance(decoded.message, CatalogResponse)
    assert decoded.message.items[0] is known["64010000001310000001"]
    assert decoded.tolerances == (Tolerance.PLACEHOLDER,)
