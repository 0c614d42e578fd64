"""An item that is cast in the mould of others is what reading all of it would come to."""

from hypothesis import event, example, given
from hypothesis import strategies as st

from vms.gb28181.errors import ProtocolError
from vms.gb28181.manscdp import moulds
from vms.gb28181.manscdp.catalog import CatalogItem, CatalogResponse, SharedFields
from vms.gb28181.manscdp.codec import Decoded, decode
from vms.gb28181.manscdp.tolerances import Tolerance

RECORDER = "64010000001110000001"
CAMERA = "64010000001310000001"
PART = (
    "<Response><CmdType>Catalog</CmdType><SN>1</SN>"
    f"<DeviceID>{RECORDER}</DeviceID><SumNum>100</SumNum><DeviceList>{{}}</DeviceList></Response>"
)

texts = st.one_of(
    st.sampled_from(
        [
            *("", " ", "0", "1", "ON", "OFF", "Status1", "Owner", "640100", "118.30", "65535"),
            *("nan", "91", RECORDER, CAMERA, f" {CAMERA}", f"{RECORDER}/640100", "7", "东门"),
            *("a&b", "a&amp;b", "x" * 1024, "x" * 1025, "\u3000x\u00a0", "a]b", "\x00", "<"),
        ]
    ),
    st.text(alphabet="01aé东 <>&/]\r\n", max_size=4),
)
tags = st.sampled_from(
    [
        *("DeviceID", "Name", "Address", "ParentID", "Longitude", "Latitude", "IPAddress"),
        *("Status", "Owner", "CivilCode", "Parental", "PTZType", "Event", "Block", "Password"),
        *("BusinessGroupID", "MAC", "Info", "Item", "name", "Unheard"),
    ]
)
leaves = st.builds("<{0}>{1}</{0}>{2}".format, tags, texts, st.sampled_from(["", "\r\n", "x"]))
identifiers = st.sampled_from(
    ["64010000001310000001", "64010000001310000002", "7", "64010000000000000001", ""]
)
items = st.builds(
    "<Item><DeviceID>{}</DeviceID>{}{}</Item>".format,
    identifiers,
    st.lists(leaves, max_size=5).map("".join),
    st.one_of(st.just(""), st.lists(leaves, max_size=3).map("".join).map("<Info>{}</Info>".format)),
)


def nobody(_: str) -> CatalogItem | None:
    return None


def read(body: bytes, *, by_moulds: bool) -> Decoded | None:
    try:
        return decode(body, nobody) if by_moulds else decode(body)
    except ProtocolError:
        return None


def items_of(decoded: Decoded | None) -> tuple[CatalogItem, ...]:
    message = None if decoded is None else decoded.message
    return message.items if isinstance(message, CatalogResponse) else ()


@given(st.lists(items, min_size=1, max_size=3).map("".join))
@example("<Item><DeviceID>7</DeviceID><Name>a</Name><Longitude>118.3</Longitude></Item>")
@example(f"<Item><DeviceID>7</DeviceID><Name>{'x' * 1025}</Name></Item>")
@example("<Item><DeviceID>7</DeviceID><Info><Name>a</Name><MAC>b</MAC></Info></Item>")
@example(f"<Item><DeviceID>{CAMERA}</DeviceID><ParentID> {CAMERA} </ParentID></Item>")
def test_a_part_means_the_same_with_moulds_and_without(listed: str) -> None:
    body = PART.format(listed).encode("gb18030")

    general = read(body, by_moulds=False)

    told = [(item.mark, item.forgiven) for item in items_of(general)]
    shared: list[bool] = []
    for _ in range(2):  # with a mould that was made just now, and with one that was there
        cast = read(body, by_moulds=True)
        assert cast == general
        assert [(item.mark, item.forgiven) for item in items_of(cast)] == told
        shared = [isinstance(item.extra, SharedFields) for item in items_of(cast)]
    event("cast" if shared and all(shared) else "read")


def test_channels_that_differ_in_their_own_leaves_only_share_what_they_have_in_common() -> None:
    said = "<Item><DeviceID>{}</DeviceID><Name>{}</Name><Owner>Owner</Owner><Block>B</Block></Item>"
    body = PART.format(said.format(1, "East") + said.format(2, "West")).encode()

    east, west = items_of(read(body, by_moulds=True))

    assert (east.name, west.name) == ("East", "West")
    assert east.extra is west.extra
    assert east.extra == {"Block": "B"}
    assert east.forgiven == {Tolerance.PLACEHOLDER, Tolerance.ID_LENGTH}


def test_a_device_that_writes_no_two_items_alike_costs_no_more_than_so_many_moulds() -> None:
    said = "<Item><DeviceID>7</DeviceID><Block>{}</Block></Item>"
    for number in range(moulds.MOST_MOULDS + 2):
        read(PART.format(said.format(number)).encode(), by_moulds=True)

    assert moulds.known_moulds() == moulds.MOST_MOULDS
