"""The channels of a simulated device as its catalogue shows them."""

from vms.gb28181.ids import ChannelId
from vms.gb28181.manscdp.messages import CatalogItem
from vms.gb28181.version import Edition
from vms.simulator.faults import FaultKind
from vms.simulator.plan import DevicePlan, SimulatorOptions
from vms.simulator.whereabouts import home_of

_INFO_2022 = {
    "PhotoelectricImagingType": "1",
    "RoomType": "1",
    "SupplyLightType": "2",
    "DirectionType": "3",
    "Resolution": "4/5",
    "StreamNumberList": "0/1",
    "MAC": "02-00-00-00-00-01",
    "FunctionType": "99",
    "PointType": "2",
    "GrassrootsCode": "000000",
    "EncodeType": "2",
    "InstallTime": "2024-05-01T16:00:00",
    "ManagementUnit": "Bench",
    "RecordSaveDays": "30",
}
"""Elements of an Item that the 2022 edition brought, with values it allows."""


def device_name(plan: DevicePlan) -> str:
    """What a device calls itself."""
    return f"Camera {plan.number:04d}"


def item_of(
    plan: DevicePlan,
    options: SimulatorOptions,
    number: int,
    channel_id: ChannelId,
    *,
    is_on: bool = True,
) -> CatalogItem:
    """The Item of the device's channel `number`, counted from 1."""
    faults, brand = plan.faults, options.brand
    has_placeholders = FaultKind.PLACEHOLDERS in faults
    is_bare = FaultKind.UNESCAPED_XML in faults
    longitude, latitude = home_of(channel_id)
    extra = {"RegisterWay": "1"}
    if options.edition is Edition.E2022:
        extra |= {"SecurityLevelCode": "A"} | _INFO_2022
    return CatalogItem(
        channel_id=channel_id,
        name=f"{device_name(plan)}-{number} {'A&B ' if is_bare else ''}测试画面",
        manufacturer=brand.manufacturer,
        model=brand.model,
        owner="Owner" if has_placeholders else "Nobody",
        civil_code="CivilCode" if has_placeholders else channel_id[:6],
        address="Address" if has_placeholders else "Gate 1 & 2 <east>" if is_bare else "Bench",
        parent_ids=(plan.device_id,),
        ptz_type=1,
        longitude=longitude,
        latitude=latitude,
        is_on=is_on,
        extra=extra,
    )
