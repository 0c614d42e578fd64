"""What follows from what was reported of a channel and from what was set over it."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from vms.gb28181.divisions import PROVINCES
from vms.gb28181.ids import MAX_DIGITS, ChannelId, DeviceId
from vms.gb28181.manscdp.catalog import CatalogItem
from vms.inventory.coordinates import WGS84, to_wgs84

TAG_SEPARATOR = ","
"""Between the tags of a channel, which are kept as one text."""


class DivisionReason(StrEnum):
    """Whose word a channel's division is."""

    OVERRIDE = "override"
    CATALOGUE = "catalogue"
    DEVICE = "device"
    """The first six digits of the ID of the device it is behind."""
    ID_PREFIX = "id_prefix"
    """The first six digits of its own ID."""


class Effective:
    """The dimensions of a channel: what was set here, else what was reported; empty where nobody
    told."""

    __slots__ = ()

    device_id: DeviceId
    reported: CatalogItem
    name_override: str | None
    division_override: str | None
    overrides: Mapping[str, str | float]

    @property
    def channel_id(self) -> ChannelId:
        """The second half of the public key."""
        return self.reported.channel_id

    @property
    def name(self) -> str:
        """The local name where one was set, else the reported one."""
        return self.name_override or self.reported.name

    @property
    def point_class(self) -> str:
        """Class of the point (PointType): 1, 2, 3 or 9; empty where nobody told."""
        return self._text("class", "PointType")

    @property
    def site_type(self) -> str:
        """What surroundings it looks at (CapturePositionType, annex O): 3 to 7 digits, or empty."""
        return self._text("site_type", "CapturePositionType")

    @property
    def management_unit(self) -> str:
        """Who runs it; empty where nobody told."""
        return self._text("management_unit", "ManagementUnit")

    @property
    def department(self) -> str:
        """Whose it is: set here, else the reported Owner, else the ManagementUnit (A.2.1.9)."""
        return self._local("department") or self.reported.owner or self.management_unit

    @property
    def builder(self) -> str:
        """Who built it; no device reports that."""
        return self._local("builder")

    @property
    def project(self) -> str:
        """The project it was built in; no device reports that."""
        return self._local("project")

    @property
    def maintainer(self) -> str:
        """Who keeps it; no device reports that."""
        return self._local("maintainer")

    @property
    def own_group_id(self) -> str:
        """Where it hangs in the tree of our own (`vms.inventory.own_groups`); empty: nowhere."""
        return self._local("own_group_id")

    @property
    def tags(self) -> tuple[str, ...]:
        """Words it was marked with here."""
        joined = self._local("tags")
        return tuple(joined.split(TAG_SEPARATOR)) if joined else ()

    @property
    def installed_on(self) -> date | None:
        """The day it was put up: set here, else as reported (InstallTime)."""
        text = self._text("installed_on", "InstallTime")[:10]
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            return None

    @property
    def retention_days(self) -> int | None:
        """For how many days its recordings are to be kept: set here, else reported
        (RecordSaveDays)."""
        return _whole(self.overrides.get("retention_days", self.reported.extra.get(_SAVE_DAYS)))

    @property
    def contact_info(self) -> str:
        """Whom to call, several between `/`: set here, else as reported (ContactInfo)."""
        return self._text("contact_info", "ContactInfo")

    @property
    def grassroots_code(self) -> str:
        """Township and village in six digits (E.3): set here, else as reported."""
        return self._text("grassroots_code", "GrassrootsCode")

    @property
    def required_resolution(self) -> str:
        """What it is to deliver at least, as `1920x1080`; empty: nothing is asked of it."""
        return self._local("required_resolution")

    @property
    def address(self) -> str:
        """The local address where one was set, else the reported one."""
        return str(self.overrides.get("address", self.reported.address))

    @property
    def coordinate_system(self) -> str:
        """The system that its position was declared in (`vms.inventory.coordinates`)."""
        return self._local("coordinate_system") or WGS84

    @property
    def declared_position(self) -> tuple[float, float] | None:
        """Longitude and latitude as they were told, in `coordinate_system`."""
        local = self.overrides
        longitude = local.get("declared_longitude", local.get("longitude"))
        latitude = local.get("declared_latitude", local.get("latitude"))
        if longitude is None or latitude is None:
            longitude, latitude = self.reported.longitude, self.reported.latitude
        if longitude is None or latitude is None:
            return None
        return float(longitude), float(latitude)

    @property
    def position(self) -> tuple[float, float] | None:
        """Longitude and latitude in WGS-84: set here, else as reported."""
        longitude, latitude = self.overrides.get("longitude"), self.overrides.get("latitude")
        if longitude is not None and latitude is not None:
            return float(longitude), float(latitude)
        declared = self.declared_position
        return None if declared is None else to_wgs84(*declared, self.coordinate_system)

    @property
    def longitude(self) -> float | None:
        """Degrees in WGS-84, as set here, else as reported."""
        position = self.position
        return self.reported.longitude if position is None else position[0]

    @property
    def latitude(self) -> float | None:
        """Degrees in WGS-84, as set here, else as reported."""
        position = self.position
        return self.reported.latitude if position is None else position[1]

    def _text(self, name: str, element: str) -> str:
        return str(self.overrides.get(name, self.reported.extra.get(element, "")))

    def _local(self, name: str) -> str:
        return str(self.overrides.get(name, ""))

    @property
    def division(self) -> str:
        """Civil code: override, else as reported, else the first six digits of an ID."""
        return self.division_override or self.reported.civil_code or self._division_of_id[0]

    @property
    def division_reason(self) -> DivisionReason:
        """Where `division` comes from."""
        if self.division_override:
            return DivisionReason.OVERRIDE
        return DivisionReason.CATALOGUE if self.reported.civil_code else self._division_of_id[1]

    @property
    def _division_of_id(self) -> tuple[str, DivisionReason]:
        """An ID that is short, or names no place, has no centre code (annex E.1); what it is
        behind may have one."""
        channel_id = self.channel_id
        if not _names_place(channel_id) and _names_place(self.device_id):
            return self.device_id[:_DISTRICT], DivisionReason.DEVICE
        return channel_id[:_DISTRICT], DivisionReason.ID_PREFIX


_SAVE_DAYS = "RecordSaveDays"
_DISTRICT = 6
"""Digits of a province, a city and a district."""


def _names_place(identifier: str) -> bool:
    return len(identifier) == MAX_DIGITS and identifier[:2] in PROVINCES


def _whole(value: str | float | None) -> int | None:
    text = "" if value is None else str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DISTRICT else None
