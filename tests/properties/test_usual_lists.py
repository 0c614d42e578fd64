"""Lists of the usual shape are read as the parser would read them."""

from unittest.mock import patch

from hypothesis import event, example, given
from hypothesis import strategies as st

from vms.gb28181.errors import ProtocolError
from vms.gb28181.manscdp.document import Document, read_document

LIST = (
    '<?xml version="1.0" encoding="UTF-8"?>\r\n<Response>\r\n<CmdType>Catalog</CmdType>\r\n'
    "<SN>17430</SN>\r\n<DeviceID>64010000001110000001</DeviceID>\r\n<SumNum>100</SumNum>\r\n"
    '<DeviceList Num="2">\r\n{}</DeviceList>\r\n</Response>\r\n'
)
"""As in the standard's example of a catalogue, but for its items."""

tags = st.sampled_from(["DeviceID", "Name", "Owner", "PTZType", "name", "Item", "Info", "Own"])
texts = st.one_of(
    st.sampled_from(
        ["", " ", "64010000001310000001", " East gate ", "东门", "a&amp;b", "]]>", "<"]
    ),
    st.text(max_size=8),
)
leaves = st.one_of(
    st.tuples(tags, texts).map(lambda leaf: "<{0}>{1}</{0}>\r\n".format(*leaf)),
    st.sampled_from(
        ["<Owner/>", "<!-- -->", "</Item>", "<Item>", "<Name a='b'>x</Name>", "stray", "\u00a0"]
    ),
)
some_leaves = st.lists(leaves, max_size=4).map("".join)
items = st.builds(
    "<Item>\r\n<DeviceID>64010000001310000001</DeviceID>\r\n{}{}{}</Item>\r\n".format,
    some_leaves,
    st.one_of(st.just(""), some_leaves.map("<Info>\r\n{}</Info>\r\n".format)),
    st.one_of(st.just(""), some_leaves),
)
plain_items = st.builds(
    "<Item>\r\n<DeviceID>64010000001310000001</DeviceID>\r\n<Name>{}</Name>\r\n<Owner>{}</Owner>\r\n"
    "<Info>\r\n<PTZType>{}</PTZType>\r\n<Resolution>{}</Resolution>\r\n</Info>\r\n</Item>\r\n".format,
    texts,
    texts,
    texts,
    texts,
)


def read(body: bytes) -> Document | None:
    try:
        return read_document(body)
    except ProtocolError:
        return None


@given(st.lists(st.one_of(items, plain_items), max_size=3).map("".join))
@example("<Item>\r\n<DeviceID>64010000001310000001</DeviceID>\r\n</Item>\r\n")
@example("<Item>\r\n<Name>" + "x" * 1025 + "</Name>\r\n</Item>\r\n")
@example("<Item>\r\n<Name>a</Name><Name>b</Name>\r\n</Item>\r\n")
@example("<Item>\r\n<Info><Name>a</Name></Info><Name>b</Name>\r\n</Item>\r\n")
def test_a_list_is_read_the_same_with_and_without_a_parser(told: str) -> None:
    body = LIST.format(told).encode("utf-8", "surrogatepass")

    short = read(body)
    with patch("vms.gb28181.manscdp.document.read_usual", return_value=None):
        general = read(body)

    if short is None or general is None:
        assert short is general
        return
    event("in short" if short.element is None and short.text else "by the parser")
    assert (short.root, short.leaves, short.info) == (general.root, general.leaves, general.info)
    assert [list(item.items()) for item in short.items] == [
        list(item.items()) for item in general.items
    ]
    assert short.notes == general.notes
    assert short.node.element.tag == general.node.element.tag


def test_a_catalogue_as_in_the_standard_needs_no_parser() -> None:
    item = (
        "<Item>\r\n<DeviceID>64010000001310000001</DeviceID>\r\n<Name>Camera1</Name>\r\n"
        "<Manufacturer>Manufacturer1</Manufacturer>\r\n<Model>Model1</Model>\r\n"
        "<Owner>Owner1</Owner>\r\n<CivilCode>CivilCode1</CivilCode>\r\n<Block>Block1</Block>\r\n"
        "<Address>Address1</Address>\r\n<Parental>1</Parental>\r\n"
        "<ParentID>64010000001110000001</ParentID>\r\n<Status>ON</Status>\r\n</Item>\r\n"
    )
    document = read_document(LIST.format(item * 2).encode())

    assert document.element is None
    assert document.items[0]["Block"] == "Block1"
    assert document.node.text("SumNum") == "100"
