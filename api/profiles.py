"""How devices are spoken to, and what is put up with of each."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.authentication import Reader, TheServer
from api.devices import ToleranceOut
from api.schemas import PROBLEMS, DeviceIdPath
from vms.gb28181.profiles import PROFILES
from vms.inventory.profiling import Origin, explained
from vms.inventory.tolerances import RULES, counted

router = APIRouter(tags=["devices"])

Value = str | int | float | bool | None


class ProfileOut(BaseModel):
    """What devices of a maker need that the standard leaves open."""

    name: str
    values: dict[str, Value] = Field(description="Null: by what the device is.")


class Profiles(BaseModel):
    """All there are."""

    items: list[ProfileOut]


class ExplainedValueOut(BaseModel):
    """One value of a device's profile."""

    model_config = ConfigDict(from_attributes=True)

    value: Value
    origin: Origin = Field(
        description="`chosen` by maker, the named `profile`, an `override`, or the `device` itself."
    )


class DeviceProfile(BaseModel):
    """How one device is spoken to, and where each value comes from."""

    device_id: str
    name: str
    values: dict[str, ExplainedValueOut]


class BilingualText(BaseModel):
    """A sentence in two languages."""

    model_config = ConfigDict(from_attributes=True)

    zh: str
    en: str


class HabitOut(ToleranceOut):
    """A habit of a device, explained."""

    text: BilingualText


class RuleOut(BaseModel):
    """A rule of tolerance, and what of a device fell under it."""

    rule: str
    text: BilingualText
    count: int
    habits: list[HabitOut]


class Conformance(BaseModel):
    """What a device does otherwise than the standard has it, by rule."""

    device_id: str
    manufacturer: str
    model: str
    firmware: str
    edition: str
    rules: list[RuleOut] = Field(description="All of them, those without any habit too.")
    anomalies: list[str] = Field(description="What is odd about its ID and those of its channels.")


@router.get(
    "/profiles",
    operation_id="listProfiles",
    summary="Profiles of makers",
    responses=PROBLEMS,
)
async def list_profiles(caller: Reader) -> Profiles:
    """The names and fields that a device can be set to."""
    _ = caller
    return Profiles(
        items=[ProfileOut(name=each.name, values=each.values()) for each in PROFILES.values()]
    )


@router.get(
    "/devices/{device_id}/profile",
    operation_id="getDeviceProfile",
    summary="How a device is spoken to",
    responses=PROBLEMS,
)
async def get_device_profile(
    device_id: DeviceIdPath, server: TheServer, caller: Reader
) -> DeviceProfile:
    """Each value with where it comes from; change it by `PATCH /devices/{device_id}`."""
    _ = caller
    device = server.inventory.device(device_id)
    return DeviceProfile(
        device_id=device_id,
        name=server.inventory.profile(device_id).name,
        values={
            name: ExplainedValueOut.model_validate(value)
            for name, value in explained(device).items()
        },
    )


@router.get(
    "/devices/{device_id}/conformance",
    operation_id="getConformance",
    summary="What a device does its own way",
    responses=PROBLEMS,
)
async def get_conformance(
    device_id: DeviceIdPath, server: TheServer, caller: Reader
) -> Conformance:
    """By rule, with what each means; counted since the device came on file."""
    _ = caller
    device = server.inventory.device(device_id)
    habits = [HabitOut.model_validate(each) for each in counted(device.tolerances)]
    rules = [
        RuleOut(
            rule=rule,
            text=BilingualText.model_validate(text),
            count=sum(habit.count for habit in habits if habit.rule == rule),
            habits=[habit for habit in habits if habit.rule == rule],
        )
        for rule, text in RULES.items()
    ]
    anomalies = server.inventory.anomalies(device_id, limit=1000).items
    return Conformance(
        device_id=device_id,
        manufacturer=device.manufacturer,
        model=device.model,
        firmware=device.firmware,
        edition=device.edition,
        rules=rules,
        anomalies=sorted({each.kind for each in anomalies}),
    )
