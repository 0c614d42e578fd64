"""Required fields by class (GB/T 28181-2022), filled by the report or by hand."""

from tests.vms.inventory.site import GATE
from vms.gb28181.ids import ChannelId
from vms.inventory.completeness import file_completeness, missing_fields
from vms.inventory.model import Channel, ChannelKey, Device, DeviceKey, ReportedChannel
from vms.inventory.overriding import patched_channel

DEVICE = Device(DeviceKey(1), GATE, manufacturer="Acme")


def channel(point_class: str = "", **overrides: str | float) -> Channel:
    extra = {"PointType": point_class, "GrassrootsCode": "000000"} if point_class else {}
    item = ReportedChannel(
        ChannelId("34020000001320000001"),
        name="Gate",
        model="IPC",
        civil_code="340202",
        address="Gate 1",
        extra=extra,
    )
    known = Channel(ChannelKey(1), DeviceKey(1), GATE, item)
    return patched_channel(known, {"overrides": overrides})


def test_each_class_has_fields_of_its_own() -> None:
    assert missing_fields(channel("3"), DEVICE) == ()
    assert missing_fields(channel("9"), DEVICE) == ()
    assert missing_fields(channel("2"), DEVICE) == ("longitude", "latitude")
    assert missing_fields(channel("1"), DEVICE) == (
        "longitude",
        "latitude",
        "installed_on",
        "contact_info",
        "retention_days",
    )
    assert missing_fields(channel(), DEVICE) == ("grassroots_code", "class")


def test_what_is_set_here_fills_a_field_as_well() -> None:
    full = channel(
        "1",
        longitude=118.0,
        latitude=31.0,
        installed_on="2024-05-01",
        contact_info="Duty room",
        retention_days=30,
    )

    assert missing_fields(full, DEVICE) == ()
    assert missing_fields(full, Device(DeviceKey(1), GATE)) == ("manufacturer",)


def test_rows_add_up_to_the_whole() -> None:
    on_file = [("a", channel("1")), ("a", channel("3")), ("b", channel())]

    rows = file_completeness((key, each, DEVICE) for key, each in on_file)

    # Class 1: 12 fields, 5 of them empty; class 3: 7, none; unknown class: 7, 2 empty.
    assert [(row.key, row.channels, row.complete, row.required, row.filled) for row in rows] == [
        ("a", 2, 1, 19, 14),
        ("b", 1, 0, 7, 5),
    ]
    assert rows[1].missing == {"class": 1, "grassroots_code": 1}
    [whole] = file_completeness(("", each, DEVICE) for _, each in on_file)
    assert (whole.required, whole.filled, whole.rate) == (26, 19, 19 / 26)
    assert file_completeness([]) == []
