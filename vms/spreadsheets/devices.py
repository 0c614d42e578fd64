"""Devices as rows."""

from collections.abc import Mapping, Sequence

from vms.errors import InvalidError, VmsError
from vms.gb28181.ids import DeviceId
from vms.gb28181.version import Edition
from vms.inventory.bulk_filing import DeviceWish, Filed
from vms.inventory.changes import patched
from vms.inventory.inventory import Inventory
from vms.inventory.model import Device, DeviceKey, DevicePatch
from vms.inventory.quarantine import address_text
from vms.inventory.queries import status_of
from vms.spreadsheets.cells import Value, looks_cut
from vms.spreadsheets.columns import Column, Kind
from vms.spreadsheets.filing import Verdict, blame, column_of
from vms.spreadsheets.rows import Entry, Given, news

_ID = column_of(Kind.DEVICES, "device_id")
_WITHOUT_DEFAULT = frozenset({"keepalive_interval_s", "keepalive_misses"})
_BLANK = Device(DeviceKey(0), DeviceId("0"))


def told(inventory: Inventory, device: Device) -> dict[str, Value]:
    """A device by the names of the columns; never its secret."""
    binding = device.binding
    on_file, online = inventory.channel_counts(device.device_id)
    heard_at = device.last_heard_at
    return {
        **_settings(device),
        "status": status_of(device.state).value,
        "manufacturer": device.manufacturer,
        "model": device.model,
        "firmware": device.firmware,
        "remote_address": address_text(binding.host, binding.port) if binding else None,
        "channel_count": on_file,
        "online_channel_count": online,
        "last_heard_at": None if heard_at is None else heard_at.isoformat(timespec="seconds"),
    }


def _settings(device: Device) -> dict[str, Value]:
    edition = device.edition_override
    return {
        "device_id": device.device_id,
        "name": device.name_override or device.name,
        "sip_username": device.sip_username,
        "media_transport": device.media_transport,
        "keepalive_interval_s": device.keepalive_interval_s,
        "keepalive_misses": device.keepalive_misses,
        "profile": device.profile_override,
        "edition_override": None if edition is None else edition.value,
    }


class DeviceFiler:
    """Puts devices on file, or changes those that are."""

    rows_at_once = 500

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    async def file(self, entries: Sequence[Entry], *, is_trial: bool) -> Sequence[Verdict]:
        """See `Filer`."""
        wishes: list[DeviceWish] = []
        asked: list[tuple[Entry, Mapping[Column, Given]]] = []
        for entry in entries:
            found = None if entry.problems else self._wish(entry)
            if found is not None:
                wishes.append(found[0])
                asked.append((entry, found[1]))
        outcomes = await self._inventory.file_devices(wishes, is_trial=is_trial)
        verdicts: dict[int, Filed] = {}
        for (entry, changes), outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, VmsError):
                blame(entry, changes, outcome, _check)
            else:
                verdicts[entry.row.number] = outcome
        return [verdicts.get(entry.row.number) for entry in entries]

    def _wish(self, entry: Entry) -> tuple[DeviceWish, Mapping[Column, Given]] | None:
        device_id = DeviceId(entry.key[0])
        device = self._inventory.on_file(device_id)
        if device is None and looks_cut(device_id):
            entry.refuse("id_zeros", _ID)
            return None
        changes = news(entry, None if device is None else _settings(device))
        for column, given in changes.items():
            if given is None and column.name in _WITHOUT_DEFAULT:
                entry.refuse("no_default", column)
        try:
            return None if entry.problems else (DeviceWish(device_id, _patch(changes)), changes)
        except InvalidError as error:
            blame(entry, changes, error, _check)
            return None


def _check(changes: Mapping[Column, Given]) -> None:
    patched(_BLANK, _patch(changes))


def _patch(changes: Mapping[Column, Given]) -> DevicePatch:
    """As the inventory wants it; raises `InvalidError`."""
    given = {column.name: value for column, value in changes.items()}
    patch: DevicePatch = {}
    if "name" in given:
        patch["name"] = _text(given["name"])
    if "secret" in given:
        patch["secret"] = _text(given["secret"])
    if "profile" in given:
        patch["profile"] = _text(given["profile"])
    if "sip_username" in given:
        patch["sip_username"] = _text(given["sip_username"]) or ""
    if "media_transport" in given:
        patch["media_transport"] = (_text(given["media_transport"]) or "").lower()
    if "edition_override" in given:
        patch["edition_override"] = _edition(_text(given["edition_override"]))
    interval_s, misses = given.get("keepalive_interval_s"), given.get("keepalive_misses")
    if isinstance(interval_s, float):
        patch["keepalive_interval_s"] = interval_s
    if isinstance(misses, float):
        if not misses.is_integer():
            raise InvalidError(f"{misses:g} keepalives are no whole number")
        patch["keepalive_misses"] = int(misses)
    return patch


def _text(given: Given) -> str | None:
    return None if given is None else str(given)


def _edition(text: str | None) -> Edition | None:
    try:
        return None if text is None else Edition(text)
    except ValueError:
        raise InvalidError(f"no such edition: {str(text)[:40]}") from None
