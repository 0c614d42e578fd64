"""What is asked (GB/T 28181-2022 annex A.2.4)."""

from dataclasses import dataclass
from datetime import datetime

from vms.gb28181.ids import DeviceId


@dataclass(frozen=True, slots=True)
class CatalogQuery:
    """Which channels are there (A.2.4.3)? With times, only those added between them."""

    sn: int
    device_id: DeviceId
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeviceInfoQuery:
    """What kind of device is it?"""

    sn: int
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class DeviceStatusQuery:
    """How does it do?"""

    sn: int
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class AlarmQuery:
    """Which alarms? Mostly the body of a subscription.

    Priorities run from 1, the highest, to 4; 0 stands for all. No `methods` or no `types` means
    every one of them.
    """

    sn: int
    device_id: DeviceId
    start_priority: int | None = None
    end_priority: int | None = None
    methods: tuple[int, ...] = ()
    types: tuple[int, ...] = ()
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConfigDownloadQuery:
    """How is it configured (A.2.4.7)? `config_types` are names of blocks: BasicParam, ...

    Some devices answer only what is asked alone: one type a query is safe.
    """

    sn: int
    device_id: DeviceId
    config_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PresetQuery:
    """Which presets has this camera?"""

    sn: int
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class MobilePositionQuery:
    """Where is it, every `interval_s` seconds? The body of a subscription."""

    sn: int
    device_id: DeviceId
    interval_s: int | None = None


@dataclass(frozen=True, slots=True)
class HomePositionQuery:
    """Where does this camera look when left alone?"""

    sn: int
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class CruiseTrackListQuery:
    """Which cruise tracks has this camera?"""

    sn: int
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class CruiseTrackQuery:
    """Which points has one cruise track? The first track is number 0."""

    sn: int
    device_id: DeviceId
    number: int


@dataclass(frozen=True, slots=True)
class PtzPositionQuery:
    """Where does this camera look now? Also the body of a subscription."""

    sn: int
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class SdCardStatusQuery:
    """How do the memory cards do?"""

    sn: int
    device_id: DeviceId
