"""What is on file, as rows: taken together where it is, written where it takes its time."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vms.errors import InvalidError
from vms.inventory.inventory import Inventory
from vms.inventory.model import Channel
from vms.inventory.queries import LARGEST_PAGE, ChannelQuery, DeviceQuery
from vms.site import Language
from vms.spreadsheets import channels, devices
from vms.spreadsheets.cells import Value
from vms.spreadsheets.columns import COLUMNS, Kind
from vms.spreadsheets.groups import told_groups
from vms.spreadsheets.writing import Encoding, FileFormat, headings, write_csv, write_xlsx

Query = DeviceQuery | ChannelQuery | None
Told = Mapping[str, Value]


async def export(
    inventory: Inventory,
    kind: Kind,
    query: Query,
    path: Path,
    file_format: FileFormat,
    language: Language,
    encoding: Encoding = Encoding.UTF_8_BOM,
) -> int:
    """Write a table of what `query` asks for, whatever its `cursor` and `limit`; how many rows.

    Raises `InvalidError` for a query of another kind.
    """
    rows = await _taken(inventory, kind, query)
    columns = [column for column in COLUMNS[kind] if column.is_told]
    names = [column.name for column in columns]

    def write() -> None:
        titles = headings(columns, language)
        # Made one by one, while they are written.
        table = ([told.get(name) for name in names] for told in _as_told(rows))
        if file_format is FileFormat.CSV:
            write_csv(path, titles, table, encoding)
        else:
            write_xlsx(path, kind.value, titles, table)

    await asyncio.to_thread(write)
    return len(rows)


def _as_told(rows: Sequence[Told | Channel]) -> Iterator[Told]:
    for row in rows:
        yield channels.told(row) if isinstance(row, Channel) else row


async def _taken(inventory: Inventory, kind: Kind, query: Query) -> Sequence[Told | Channel]:
    match kind, query:
        case Kind.DEVICES, DeviceQuery() | None:
            return await _devices(inventory, query or DeviceQuery())
        case Kind.CHANNELS, ChannelQuery() | None:
            return await _channels(inventory, query or ChannelQuery())
        case Kind.GROUPS, None:
            return list(told_groups(inventory.own_groups()))
        case Kind.DIVISIONS, None:
            return [
                {"code": code, "name": name}
                for code, name in sorted(inventory.division_names().items())
            ]
        case _:
            raise InvalidError(f"{kind.value} are not asked for in this way")


async def _devices(inventory: Inventory, query: DeviceQuery) -> list[Told]:
    rows: list[Told] = []
    query = replace(query, limit=LARGEST_PAGE, cursor=None, with_total=False)
    while True:
        page = inventory.devices(query)
        rows += [devices.told(inventory, device) for device in page.items]
        if page.next_cursor is None:
            return rows
        query = replace(query, cursor=page.next_cursor)
        await asyncio.sleep(0)


async def _channels(inventory: Inventory, query: ChannelQuery) -> list[Channel]:
    rows: list[Channel] = []
    query = replace(query, limit=LARGEST_PAGE, cursor=None, with_total=False)
    while True:
        page = inventory.channels(query)
        rows += page.items
        if page.next_cursor is None:
            return rows
        query = replace(query, cursor=page.next_cursor)
        await asyncio.sleep(0)
