"""Every field of a catalogue item: from the wire, and back to its place in each edition."""

import re

import pytest

from vms.gb28181.manscdp.codec import decode, encode
from vms.gb28181.manscdp.messages import CatalogResponse
from vms.gb28181.version import Edition

ITEM_2016 = """
<DeviceID>34020000001320000001</DeviceID><Name>Camera 01</Name><Manufacturer>Vendor</Manufacturer>
<Model>IPC</Model><Owner>Property</Owner><CivilCode>340200</CivilCode><Block>110101000000</Block>
<Address>Gate</Address><Parental>0</Parental><ParentID>34020000001180000001</ParentID>
<SafetyWay>0</SafetyWay><RegisterWay>1</RegisterWay><CertNum>12</CertNum>
<Certifiable>0</Certifiable><ErrCode>400</ErrCode><EndTime>2025-05-01T00:00:00</EndTime>
<Secrecy>0</Secrecy><IPAddress>192.168.1.64</IPAddress><Port>5060</Port><Status>ON</Status>
<Longitude>118.376451</Longitude><Latitude>31.326319</Latitude>
<Info><PTZType>3</PTZType><PositionType>3</PositionType><RoomType>1</RoomType><UseType>1</UseType>
<SupplyLightType>2</SupplyLightType><DirectionType>1</DirectionType><Resolution>6/5</Resolution>
<BusinessGroupID>34020000002150000001</BusinessGroupID><DownloadSpeed>1/2/4</DownloadSpeed>
<SVCSpaceSupportMode>1</SVCSpaceSupportMode><SVCTimeSupportMode>2</SVCTimeSupportMode></Info>
"""
ITEM_2022 = """
<DeviceID>34020000001320000001</DeviceID><Name>Camera 01</Name><Manufacturer>Vendor</Manufacturer>
<Model>IPC</Model><CivilCode>340200</CivilCode><Block>110101000000</Block><Address>Gate</Address>
<Parental>0</Parental><ParentID>34020000001180000001</ParentID><RegisterWay>4</RegisterWay>
<SecurityLevelCode>A</SecurityLevelCode><Secrecy>0</Secrecy><IPAddress>192.168.1.64</IPAddress>
<Port>5060</Port><Status>ON</Status><Longitude>118.376451</Longitude>
<Latitude>31.326319</Latitude><BusinessGroupID>34020000002150000001</BusinessGroupID>
<Info><PTZType>7</PTZType><PhotoelectricImagingType>1/2</PhotoelectricImagingType>
<CapturePositionType>0020100</CapturePositionType><RoomType>1</RoomType>
<SupplyLightType>9</SupplyLightType><DirectionType>1</DirectionType><Resolution>6/5</Resolution>
<StreamNumberList>0/1/2</StreamNumberList><DownloadSpeed>1/2/4</DownloadSpeed>
<SVCSpaceSupportMode>1</SVCSpaceSupportMode><SVCTimeSupportMode>2</SVCTimeSupportMode>
<SSVCRatioSupportList>4:3/2:1</SSVCRatioSupportList><MobileDeviceType>2</MobileDeviceType>
<HorizontalFieldAngle>60.5</HorizontalFieldAngle><VerticalFieldAngle>35</VerticalFieldAngle>
<MaxViewDistance>200</MaxViewDistance><GrassrootsCode>001002</GrassrootsCode>
<PointType>1</PointType><PointCommonName>North gate</PointCommonName><MAC>00-11-22-33-44-55</MAC>
<FunctionType>03/04</FunctionType><EncodeType>5</EncodeType>
<InstallTime>2024-05-01T00:00:00</InstallTime><ManagementUnit>Property</ManagementUnit>
<ContactInfo>000-0000</ContactInfo><RecordSaveDays>30</RecordSaveDays>
<IndustrialClassification>6550</IndustrialClassification></Info>
"""


def catalogue(item: str) -> bytes:
    return (
        "<Response><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>34020000001180000001</DeviceID>"
        f'<SumNum>1</SumNum><DeviceList Num="1"><Item>{item}</Item></DeviceList></Response>'
    ).encode()


def item_in(body: bytes) -> str:
    found = re.search(r"<Item>(.*)</Item>", body.decode("gb18030").replace("\r\n", ""))
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("edition", "item"), [(Edition.E2016, ITEM_2016), (Edition.E2022, ITEM_2022)]
)
def test_every_field_comes_back_in_its_place(edition: Edition, item: str) -> None:
    decoded = decode(catalogue(item))

    assert decoded.tolerances == ()
    assert item_in(encode(decoded.message, edition)) == item.replace("\n", "")


@pytest.mark.parametrize(
    ("edition", "item"), [(Edition.E2016, ITEM_2016), (Edition.E2022, ITEM_2022)]
)
def test_fields_are_found_at_either_level_and_in_any_order(edition: Edition, item: str) -> None:
    flat = item.replace("<Info>", "").replace("</Info>", "").strip()
    backwards = "".join(reversed(re.findall(r"<\w+>[^<]*</\w+>", flat)))

    assert item_in(encode(decode(catalogue(backwards)).message, edition)) == item.replace("\n", "")


@pytest.mark.parametrize(
    ("edition", "foreign"),
    [
        (Edition.E2011, "Info"),
        (Edition.E2016, "SecurityLevelCode PhotoelectricImagingType GrassrootsCode MAC PointType"),
        (Edition.E2022, "Owner SafetyWay CertNum Certifiable ErrCode PositionType UseType"),
    ],
)
def test_an_edition_gets_no_field_of_another(edition: Edition, foreign: str) -> None:
    message = decode(catalogue(ITEM_2016 + ITEM_2022)).message

    written = item_in(encode(message, edition))

    assert [name for name in foreign.split() if f"<{name}>" in written] == []


def test_what_no_edition_knows_comes_last_in_info() -> None:
    message = decode(catalogue(f"{ITEM_2022}<Colour>red</Colour>")).message

    assert item_in(encode(message, Edition.E2022)).endswith("<Colour>red</Colour></Info>")


def test_a_cameras_password_is_never_kept_nor_passed_on() -> None:
    message = decode(catalogue(f"{ITEM_2022}<Password>12345678</Password>")).message

    assert isinstance(message, CatalogResponse)
    assert "Password" not in message.items[0].extra
    for edition in Edition:
        assert b"12345678" not in encode(message, edition)
