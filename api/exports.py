"""Spreadsheets that go out: what the lists show, with their filters, and empty ones to fill in."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from api.authentication import Caller, Reader, TheServer
from api.channel_forms import ChannelFilter
from api.devices import DeviceFilter
from api.files import TemporaryFile
from api.imports import AcceptLanguage
from api.language import language_of
from api.ports import Server
from api.schemas import PROBLEMS
from vms.inventory.queries import DeviceQuery
from vms.spreadsheets.columns import Kind
from vms.spreadsheets.exporting import Query as Asked
from vms.spreadsheets.writing import Encoding, FileFormat

router = APIRouter(tags=["spreadsheets"])

_ENCODING = "Of a csv; Excel reads Chinese from the first and the last."


class DeviceExport(DeviceFilter):
    """Which devices are wanted; `limit` and `cursor` mean nothing here."""

    encoding: Encoding = Field(default=Encoding.UTF_8_BOM, description=_ENCODING)


class ChannelExport(ChannelFilter):
    """Which channels are wanted; `limit` and `cursor` mean nothing here."""

    encoding: Encoding = Field(default=Encoding.UTF_8_BOM, description=_ENCODING)


AnyEncoding = Annotated[Encoding, Query(description=_ENCODING)]


@router.get(
    "/exports/devices.{file_format}",
    operation_id="exportDevices",
    summary="Devices as a spreadsheet",
    response_class=Response,
    responses=PROBLEMS,
)
async def export_devices(
    file_format: FileFormat,
    server: TheServer,
    caller: Reader,
    wanted: Annotated[DeviceExport, Query()],
    accept_language: AcceptLanguage = "",
) -> Response:
    """Headings by `Accept-Language`; IDs are text. Never a secret."""
    query = DeviceQuery(wanted.status, wanted.manufacturer, wanted.q)
    return await _export(
        server, caller, Kind.DEVICES, query, file_format, accept_language, wanted.encoding
    )


@router.get(
    "/exports/channels.{file_format}",
    operation_id="exportChannels",
    summary="Channels as a spreadsheet",
    response_class=Response,
    responses=PROBLEMS,
)
async def export_channels(
    file_format: FileFormat,
    server: TheServer,
    caller: Reader,
    wanted: Annotated[ChannelExport, Query()],
    accept_language: AcceptLanguage = "",
) -> Response:
    """With all their dimensions. Imported again as it is, it changes nothing."""
    query = wanted.query(server.inventory)
    return await _export(
        server, caller, Kind.CHANNELS, query, file_format, accept_language, wanted.encoding
    )


@router.get(
    "/exports/groups.{file_format}",
    operation_id="exportGroups",
    summary="The tree of our own as a spreadsheet",
    response_class=Response,
    responses=PROBLEMS,
)
async def export_groups(
    file_format: FileFormat,
    server: TheServer,
    caller: Reader,
    encoding: AnyEncoding = Encoding.UTF_8_BOM,
    accept_language: AcceptLanguage = "",
) -> Response:
    """Parents before what hangs below them."""
    return await _export(server, caller, Kind.GROUPS, None, file_format, accept_language, encoding)


@router.get(
    "/exports/divisions.{file_format}",
    operation_id="exportDivisions",
    summary="Local names of divisions as a spreadsheet",
    response_class=Response,
    responses=PROBLEMS,
)
async def export_divisions(
    file_format: FileFormat,
    server: TheServer,
    caller: Reader,
    encoding: AnyEncoding = Encoding.UTF_8_BOM,
    accept_language: AcceptLanguage = "",
) -> Response:
    """Those that were given here."""
    return await _export(
        server, caller, Kind.DIVISIONS, None, file_format, accept_language, encoding
    )


@router.get(
    "/exports/{kind}/template.xlsx",
    operation_id="getTemplate",
    summary="An empty spreadsheet to fill in",
    response_class=Response,
    responses=PROBLEMS,
)
async def get_template(
    kind: Kind, server: TheServer, caller: Reader, accept_language: AcceptLanguage = ""
) -> Response:
    """Its columns are text, so that Excel leaves IDs alone; a second sheet explains them."""
    _ = caller
    file = TemporaryFile(server.spreadsheets.file())
    async with file.writing() as path:
        await server.spreadsheets.write_template(kind, path, language_of(accept_language))
    return file.response(f"{kind}-template.xlsx", FileFormat.XLSX.content_type)


async def _export(
    server: Server,
    caller: Caller,
    kind: Kind,
    query: Asked,
    file_format: FileFormat,
    accept_language: str,
    encoding: Encoding,
) -> Response:
    await server.accounts.record(
        caller.actor, f"export {kind}", detail={"format": file_format.value}
    )
    file = TemporaryFile(server.spreadsheets.file())
    async with file.writing() as path:
        await server.spreadsheets.export(
            kind, query, path, file_format, language_of(accept_language), encoding
        )
    content_type = file_format.content_type
    if file_format is FileFormat.CSV:
        charset = Encoding.UTF_8 if encoding is Encoding.UTF_8_BOM else encoding
        content_type += f"; charset={charset}"
    return file.response(f"{kind}.{file_format}", content_type)
