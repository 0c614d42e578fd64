"""How full the files of cameras are, by any dimension."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.authentication import Reader, TheServer
from api.figure_forms import as_json
from api.schemas import PROBLEMS
from vms.figures.dimensions import DIVISIONS, KEY_OF, Dimension
from vms.inventory.completeness import CompletenessRow
from vms.inventory.model import Channel
from vms.inventory.naming import Names
from vms.inventory.placement import Place
from vms.inventory.roster import channel_cursor

router = APIRouter(tags=["figures"])


class CompletenessFilter(BaseModel):
    """Which channels count, and what a row stands for."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    group_by: Dimension = Field(default=Dimension.ALL, description="What a row stands for.")
    division: str | None = Field(
        default=None, pattern=r"^[0-9]{1,20}$", description="This region and all below it."
    )
    point_class: str | None = Field(
        default=None, alias="class", max_length=2, description="Class of the point: 1, 2, 3 or 9."
    )

    def fits(self, channel: Channel) -> bool:
        """Whether a channel is asked for."""
        return (self.division is None or channel.division.startswith(self.division)) and (
            self.point_class is None or channel.point_class == self.point_class
        )


class FileCompleteness(BaseModel):
    """The cameras of one group, and how full their files are."""

    key: str
    name: str
    channels: int
    complete_channels: int = Field(description="Those that lack nothing.")
    required_fields: int = Field(description="Over all channels, by their classes.")
    filled_fields: int
    file_completeness: float | None = Field(description="Filled over required.")
    missing: dict[str, int] = Field(description="Channels by the field they lack.")


class FileCompletenessRows(BaseModel):
    """In order of the keys."""

    items: list[FileCompleteness]


@router.get(
    "/metrics/file-completeness",
    operation_id="getFileCompleteness",
    summary="How full the files are",
    response_model=FileCompletenessRows,
    responses=PROBLEMS,
)
async def get_file_completeness(
    server: TheServer, caller: Reader, wanted: Annotated[CompletenessFilter, Query()]
) -> Response:
    """Required fields by class (GB/T 28181-2022); a field is filled when it was reported or set
    here. Sums of rows are those of the whole."""
    _ = caller
    rows = await server.inventory.file_completeness(_key_of(wanted.group_by), wanted.fits)
    name_of = _naming(wanted.group_by, server.inventory.names())
    return await asyncio.to_thread(as_json, (_shown(row, name_of(row.key)) for row in rows))


def _shown(row: CompletenessRow, name: str) -> FileCompleteness:
    return FileCompleteness(
        key=row.key,
        name=name,
        channels=row.channels,
        complete_channels=row.complete,
        required_fields=row.required,
        filled_fields=row.filled,
        file_completeness=row.rate,
        missing=dict(row.missing),
    )


def _key_of(dimension: Dimension) -> Callable[[Channel, Place], str]:
    if dimension is Dimension.DEVICE:
        return lambda channel, _: channel.device_id
    if dimension is Dimension.CHANNEL:
        return lambda channel, _: channel_cursor(channel)
    key_of = KEY_OF[dimension]
    return lambda _, place: key_of(place)


def _naming(dimension: Dimension, names: Names) -> Callable[[str], str]:
    if dimension in DIVISIONS:
        return names.division
    return {
        Dimension.GROUP: names.group,
        Dimension.OWN_GROUP: names.own_group,
        Dimension.DEVICE: names.device,
        Dimension.PARENT: names.device,
        Dimension.PLATFORM: names.device,
    }.get(dimension, str)
