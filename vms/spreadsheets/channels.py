"""Channels as rows."""

from collections.abc import Mapping, Sequence
from typing import Final

from vms.errors import NotFoundError, VmsError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.inventory.bulk_filing import ChannelWish, Filed
from vms.inventory.inventory import Inventory
from vms.inventory.model import Channel, ChannelKey, ChannelPatch, DeviceKey, ReportedChannel
from vms.inventory.overriding import OVERRIDABLE, patched_channel
from vms.inventory.queries import status_of
from vms.spreadsheets.cells import Value, looks_cut
from vms.spreadsheets.columns import Column, Kind
from vms.spreadsheets.filing import Verdict, blame, column_of
from vms.spreadsheets.rows import Entry, Given, news

_DEVICE_ID = column_of(Kind.CHANNELS, "device_id")
_CHANNEL_ID = column_of(Kind.CHANNELS, "channel_id")
_GROUP = column_of(Kind.CHANNELS, "own_group_id")
_LONGITUDE = column_of(Kind.CHANNELS, "longitude")
_LATITUDE = column_of(Kind.CHANNELS, "latitude")
_POSITION: Final = (_LONGITUDE, _LATITUDE)
_BLANK = Channel(ChannelKey(0), DeviceKey(0), DeviceId("0"), ReportedChannel(ChannelId("0")))


def told(channel: Channel) -> dict[str, Value]:
    """A channel by the names of the columns; its position in the system it was declared in."""
    since = channel.state_since
    return {
        **_dimensions(channel),
        "reported_name": channel.reported.name,
        "manufacturer": channel.reported.manufacturer,
        "model": channel.reported.model,
        "status": status_of(channel.state).value,
        "status_since": None if since is None else since.isoformat(timespec="seconds"),
    }


def _dimensions(channel: Channel) -> dict[str, Value]:
    longitude, latitude = channel.declared_position or (None, None)
    installed_on = channel.installed_on
    return {
        "device_id": channel.device_id,
        "channel_id": channel.channel_id,
        "name": channel.name,
        "division": channel.division,
        "class": channel.point_class,
        "site_type": channel.site_type,
        "department": channel.department,
        "management_unit": channel.management_unit,
        "builder": channel.builder,
        "project": channel.project,
        "maintainer": channel.maintainer,
        "installed_on": None if installed_on is None else installed_on.isoformat(),
        "retention_days": channel.retention_days,
        "required_resolution": channel.required_resolution,
        "longitude": longitude,
        "latitude": latitude,
        "coordinate_system": None if longitude is None else channel.coordinate_system,
        "tags": ",".join(channel.tags),
        "own_group_id": channel.own_group_id,
        "address": channel.address,
        "contact_info": channel.contact_info,
        "grassroots_code": channel.grassroots_code,
    }


class ChannelFiler:
    """Sets the dimensions of channels, and puts planned ones on file."""

    rows_at_once = 400
    """Devices register meanwhile, and wait for a batch."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    async def file(self, entries: Sequence[Entry], *, is_trial: bool) -> Sequence[Verdict]:
        """See `Filer`."""
        wishes: list[ChannelWish] = []
        asked: list[tuple[Entry, Mapping[Column, Given]]] = []
        for entry in entries:
            found = None if entry.problems else self._wish(entry)
            if found is not None:
                wishes.append(found[0])
                asked.append((entry, found[1]))
        outcomes = await self._inventory.file_channels(wishes, is_trial=is_trial)
        verdicts: dict[int, Filed] = {}
        for (entry, changes), outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, VmsError):
                self._refuse(entry, changes, outcome)
            else:
                verdicts[entry.row.number] = outcome
        return [verdicts.get(entry.row.number) for entry in entries]

    def _wish(self, entry: Entry) -> tuple[ChannelWish, Mapping[Column, Given]] | None:
        device_id, channel_id = DeviceId(entry.key[0]), ChannelId(entry.key[1])
        if self._inventory.on_file(device_id) is None:
            if looks_cut(device_id):
                entry.refuse("id_zeros", _DEVICE_ID)
            else:
                entry.refuse("no_device", _DEVICE_ID, device_id=device_id)
            return None
        channel: Channel | None = None
        if self._inventory.has_channel(device_id, channel_id):
            channel = self._inventory.channel(device_id, channel_id)
        elif looks_cut(channel_id):
            entry.refuse("id_zeros", _CHANNEL_ID)
            return None
        now = None if channel is None else _dimensions(channel)
        changes = dict(news(entry, now))
        if any(column in changes for column in _POSITION):
            _complete_position(changes, entry, now or {})
            missing = [column for column in _POSITION if changes.get(column) is None]
            if len(missing) == 1:
                entry.refuse("half_position", missing[0])
                return None
        return ChannelWish(device_id, channel_id, _patch(changes)), changes

    def _refuse(self, entry: Entry, changes: Mapping[Column, Given], error: VmsError) -> None:
        group_id = changes.get(_GROUP)
        if isinstance(group_id, str):
            try:
                self._inventory.own_group(group_id)
            except NotFoundError:
                entry.refuse("no_group", _GROUP, group_id=group_id)
                return
        if isinstance(error, NotFoundError):
            entry.refuse("no_device", _DEVICE_ID, device_id=entry.key[0])
        else:
            blame(entry, changes, error, _check)


def _complete_position(
    changes: dict[Column, Given], entry: Entry, now: Mapping[str, Value]
) -> None:
    """Longitude and latitude go together, though only one of them is new."""
    for column in _POSITION:
        known = now.get(column.name)
        fallback = float(known) if isinstance(known, int | float) else None
        if column not in changes and (column in entry.given or fallback is not None):
            changes[column] = entry.given.get(column, fallback)


def _check(changes: Mapping[Column, Given]) -> None:
    """By itself; what goes with a longitude or a latitude is taken to be right."""
    patch = _patch(changes)
    overrides = dict(patch.get("overrides", {}))
    if set(changes) & set(_POSITION):
        overrides = {"longitude": 0.0, "latitude": 0.0, **overrides}
        if all(value is not None for value in overrides.values()):
            patch["overrides"] = overrides
    patched_channel(_BLANK, patch)


def _patch(changes: Mapping[Column, Given]) -> ChannelPatch:
    patch: ChannelPatch = {}
    overrides: dict[str, str | float | Sequence[str] | None] = {}
    for column, given in changes.items():
        match column.name:
            case "name":
                patch["name"] = None if given is None else str(given)
            case "division":
                patch["division"] = None if given is None else str(given)
            case name if name in OVERRIDABLE:
                overrides[name] = given
            case name:
                raise KeyError(name)
    if overrides:
        patch["overrides"] = overrides
    return patch
