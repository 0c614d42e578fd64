"""What is simulated, as the command line says it."""

from dataclasses import replace

import pytest

from vms.errors import InvalidError
from vms.simulator.brands import BRANDS, brand_named
from vms.simulator.faults import Fault, FaultKind, Faults
from vms.simulator.plan import Platform, SimulatorOptions, plan_devices

OPTIONS = SimulatorOptions(Platform("34020000002000000001", "3402000000", "127.0.0.1", 5060))


def test_devices_and_channels_are_numbered_through() -> None:
    plans = plan_devices(replace(OPTIONS, devices=2, channels=2))

    assert [(plan.device_id, plan.channel_ids) for plan in plans] == [
        ("34020000001180000001", ("34020000001320000001", "34020000001320000002")),
        ("34020000001180000002", ("34020000001320000003", "34020000001320000004")),
    ]


def test_a_camera_that_registers_as_a_camera_has_a_channel_of_the_other_camera_type() -> None:
    (plan,) = plan_devices(replace(OPTIONS, first_id="34020000001320000007"))

    assert plan.device_id == "34020000001320000007"
    assert plan.channel_ids == ("34020000001310000007",)


@pytest.mark.parametrize(
    "options",
    [
        replace(OPTIONS, first_id="123"),
        replace(OPTIONS, first_id="a" * 20),
        replace(OPTIONS, devices=0),
        replace(OPTIONS, channels=0),
        replace(OPTIONS, devices_per_socket=0),
        replace(OPTIONS, items_per_part=0),
        replace(OPTIONS, devices=10_000, channels=1000),
    ],
)
def test_options_that_make_no_sense_are_refused(options: SimulatorOptions) -> None:
    with pytest.raises(InvalidError):
        plan_devices(options)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("no-media", Fault(FaultKind.NO_MEDIA)),
        ("loss", Fault(FaultKind.LOSS, 5.0)),
        ("loss=2.5", Fault(FaultKind.LOSS, 2.5)),
        ("silent@3", Fault(FaultKind.SILENT, 30.0, 3)),
        ("flapping=1@2", Fault(FaultKind.FLAPPING, 1.0, 2)),
    ],
)
def test_a_fault_has_a_name_a_value_and_a_device(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize(
    "text", ["", "unknown", "no-media=1", "loss=x", "loss=-1", "silent@", "silent@0", "silent@x"]
)
def test_faults_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        Fault.parse(text)


def test_a_device_has_its_own_faults_and_everybodys() -> None:
    faults = [Fault.parse("no-psm"), Fault.parse("loss=9@2")]

    first, second = Faults(faults, 1), Faults(faults, 2)

    assert FaultKind.NO_PSM in first
    assert FaultKind.LOSS not in first
    assert FaultKind.NO_PSM in second
    assert second.value(FaultKind.LOSS) == 9
    assert second.value(FaultKind.NO_PSM) is None


def test_a_brands_habits_are_faults_that_every_device_has() -> None:
    assert list(BRANDS) == ["generic", "hikvision", "dahua", "uniview", "huawei", "tiandy"]
    assert brand_named("Dahua").manufacturer == "Dahua"
    with pytest.raises(InvalidError, match="no brand"):
        brand_named("acme")

    (plan,) = plan_devices(
        replace(OPTIONS, brand=brand_named("huawei"), faults=(Fault.parse("record-limit=7"),))
    )

    assert FaultKind.REFUSE_TCP in plan.faults
    assert plan.faults.value(FaultKind.RECORD_LIMIT) == 7


def test_a_twin_is_planned_for_a_duplicated_identifier() -> None:
    plans = plan_devices(replace(OPTIONS, devices=2, faults=(Fault.parse("duplicate-id@2"),)))

    assert [(plan.device_id[-1], plan.is_twin) for plan in plans] == [
        ("1", False),
        ("2", False),
        ("2", True),
    ]


def test_an_alarm_input_has_the_first_channels_number() -> None:
    (plan,) = plan_devices(OPTIONS)

    assert plan.alarm_input_id == "34020000001340000001"
