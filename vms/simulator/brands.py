"""Whom simulated cameras pass for: how a maker's devices call themselves, and their habits.

The habits are those seen in the field, of some models and firmwares, and all of them at once: a
simulated Hikvision is worse than any real one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from vms.errors import InvalidError
from vms.simulator.faults import Fault, FaultKind


@dataclass(frozen=True, slots=True)
class Brand:
    """What a device says it is, and what it does otherwise than the standard asks."""

    name: str
    manufacturer: str
    model: str
    firmware: str
    user_agent: str
    habits: tuple[FaultKind, ...] = ()

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The habits, as faults of every device."""
        return tuple(Fault.of(kind) for kind in self.habits)


GENERIC = Brand("generic", "Simulated", "Test card", "1.0", "vms simulate")

BRANDS: Mapping[str, Brand] = {
    brand.name: brand
    for brand in (
        GENERIC,
        Brand(
            "hikvision",
            "Hikvision",
            "DS-2DE4425IW-DE",
            "V5.7.3",
            "IP Camera",
            (
                FaultKind.UNESCAPED_XML,
                FaultKind.STATUS_WORDS,
                FaultKind.PARENTAL_65535,
                FaultKind.PLACEHOLDERS,
                FaultKind.ONE_ITEM,
                FaultKind.OWN_SSRC,
                FaultKind.PRIVATE_STREAM,
                FaultKind.CONFIG_ONE_BY_ONE,
                FaultKind.ALARMS_NEED_GUARD,
            ),
        ),
        Brand(
            "dahua",
            "Dahua",
            "DH-SD49425XB-HNR",
            "2.820",
            "Dahua SIP UAS V1.0",
            (
                FaultKind.WRONG_PSM_CRC,
                FaultKind.CONFIG_BY_DEVICE,
                FaultKind.RECORDS_NEED_ALL,
            ),
        ),
        Brand(
            "uniview",
            "Uniview",
            "IPC6424SR-X25-VF",
            "B3310P30",
            "IPC",
            (
                FaultKind.GARBLED_NAME,
                FaultKind.CONFIG_RENAMED,
                FaultKind.REGISTERS_ON_CONFIG,
            ),
        ),
        Brand(
            "huawei",
            "Huawei",
            "IVS1800",
            "8.1.0",
            "Huawei IVS",
            (
                FaultKind.NO_EXPIRES_IN_SUBSCRIBE,
                FaultKind.NO_REFRESH,
                FaultKind.REFUSE_TCP,
                FaultKind.RECORD_LIMIT,
            ),
        ),
        Brand(
            "tiandy",
            "Tiandy",
            "TC-NH9804S6",
            "V9.12",
            "Tiandy",
            (FaultKind.UNASKED_CATALOGUE, FaultKind.WRONG_PSM_CRC),
        ),
    )
}


def brand_named(name: str) -> Brand:
    """The brand of that name; raises `InvalidError`."""
    try:
        return BRANDS[name.lower()]
    except KeyError:
        raise InvalidError(f"no brand {name!r}; there are {', '.join(BRANDS)}") from None
