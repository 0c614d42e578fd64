"""What may be asked of channels, and what may be set of them."""

from datetime import date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from api.pagination import Paging, decode_cursor
from api.schemas import Strict
from vms.inventory.changes import LONGEST_NAME
from vms.inventory.inventory import Inventory
from vms.inventory.model import ChannelPatch, Status
from vms.inventory.overriding import LONGEST_TAG, MOST_RETENTION_DAYS, MOST_TAGS, OVERRIDABLE
from vms.inventory.queries import ChannelQuery

LocalText = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Word = Annotated[str | None, Field(max_length=255)]


class ChannelFilter(Paging):
    """Which channels are wanted."""

    status: Status | None = Field(default=None, description="Only these.")
    division: str | None = Field(
        default=None,
        pattern=r"^[0-9]{1,8}$",
        description="A civil code of any level, and all below it.",
    )
    group: str | None = Field(
        default=None, max_length=20, description="Business group or virtual organisation."
    )
    point_class: str | None = Field(
        default=None,
        alias="class",
        max_length=2,
        description="Class of the point: 1, 2, 3 or 9.",
    )
    own_group: str | None = Field(
        default=None,
        max_length=36,
        description="A node of our own tree, and all below it; empty: channels that hang in none.",
    )
    department: Word = Field(default=None, description="The whole name; empty: those without.")
    builder: Word = None
    project: Word = None
    maintainer: Word = None
    manufacturer: Word = None
    model: Word = None
    tag: Word = None
    site_type: str | None = Field(
        default=None,
        pattern=r"^[0-9]{1,7}$",
        description="First digits of the kind of surroundings: `017` are schools.",
    )
    ptz_type: int | None = Field(default=None, description="1 to 7.")
    unit: str | None = Field(
        default=None, max_length=255, description="In the owner and the management unit."
    )
    mobile_device_type: str | None = Field(default=None, max_length=2)
    security_level: str | None = Field(
        default=None, max_length=2, description="GB 35114: `A`, `B` or `C`."
    )
    has_position: bool | None = Field(default=None, description="With or without coordinates.")
    q: str | None = Field(default=None, max_length=255, description="In IDs and names.")

    def query(self, inventory: Inventory, device_id: str | None = None) -> ChannelQuery:
        """As the inventory is asked; raises `NotFoundError` for a node that is not there."""
        own_groups = None if self.own_group is None else frozenset({""})
        if self.own_group:
            own_groups = inventory.own_groups_within(self.own_group)
        return ChannelQuery(
            device_id=device_id,
            status=self.status,
            division=self.division,
            group=self.group,
            point_type=self.point_class,
            manufacturer=self.manufacturer,
            q=self.q,
            cursor=decode_cursor(self.cursor),
            limit=self.limit,
            with_total=self.total,
            site_type=self.site_type,
            ptz_type=self.ptz_type,
            unit=self.unit,
            mobile_device_type=self.mobile_device_type,
            security_level=self.security_level,
            has_position=self.has_position,
            own_groups=own_groups,
            department=self.department,
            builder=self.builder,
            project=self.project,
            maintainer=self.maintainer,
            model=self.model,
            tag=self.tag,
        )


class ChannelPatchIn(Strict):
    """What is set over the report; null goes back to it, what is left out stays."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)] | None = None
    division: Annotated[str, Field(pattern=r"^([0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{8})$")] | None = (
        None
    )
    point_class: Literal["1", "2", "3", "9"] | None = Field(default=None, alias="class")
    site_type: Annotated[str, Field(pattern=r"^[0-9]{3}([0-9]{2}){0,2}$")] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = Field(
        default=None, description="Together with the latitude."
    )
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    address: LocalText | None = None
    management_unit: LocalText | None = None
    department: LocalText | None = Field(default=None, description="Whose it is.")
    builder: LocalText | None = None
    project: LocalText | None = None
    maintainer: LocalText | None = None
    installed_on: date | None = Field(default=None, description="The day it was put up.")
    retention_days: Annotated[int, Field(ge=1, le=MOST_RETENTION_DAYS)] | None = Field(
        default=None, description="For how many days its recordings are to be kept."
    )
    required_resolution: Annotated[str, Field(pattern=r"^[0-9]{2,5}x[0-9]{2,5}$")] | None = Field(
        default=None, examples=["1920x1080"], description="What it is to deliver at least."
    )
    contact_info: LocalText | None = Field(default=None, description="Whom to call.")
    grassroots_code: Annotated[str, Field(pattern=r"^[0-9]{6}$")] | None = Field(
        default=None, description="Township and village (annex E.3)."
    )
    coordinate_system: Literal["wgs84", "gcj02", "bd09", "cgcs2000"] | None = Field(
        default=None,
        description="What longitude and latitude are told in: those that come with it, that stand "
        "already, or that the device reports. WGS-84 is stored, what was told is kept beside it.",
    )
    tags: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=LONGEST_TAG)]],
            Field(max_length=MOST_TAGS),
        ]
        | None
    ) = Field(default=None, description="Words without commas; all of them, not more.")
    own_group_id: Annotated[str, Field(min_length=1, max_length=36)] | None = Field(
        default=None, description="A node of our own tree (`GET /groups/own`)."
    )

    def patch(self) -> ChannelPatch:
        """As the inventory takes it: what was said, and nothing else."""
        patch: ChannelPatch = {}
        if "name" in self.model_fields_set:
            patch["name"] = self.name
        if "division" in self.model_fields_set:
            patch["division"] = self.division
        said = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        overrides = {name: value for name, value in said.items() if name in OVERRIDABLE}
        if overrides:
            patch["overrides"] = overrides
        return patch

    def fields(self) -> str:
        """Which fields are set, for the audit."""
        return ", ".join(sorted(self.model_fields_set))
