"""Two units with one ID: the one that is there stays, the other is kept apart and shown (T19).

A refused unit is a row of the waiting room whose ID is on file. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from vms.gb28181.ids import DeviceId
from vms.inventory.model import Device, Waiting

KEPT = timedelta(hours=24)
"""A unit that asked no more for so long is gone: somebody gave it another ID, or took it away."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An ID that more than one unit claims: the device that holds it, and who was refused."""

    device: Device
    refused: tuple[Waiting, ...]

    @property
    def device_id(self) -> DeviceId:
        """The ID in dispute."""
        return self.device.device_id


def is_over(row: Waiting, device: Device, now: datetime) -> bool:
    """The unit gave up, or it is the one that holds the ID now."""
    binding = device.binding
    holds_it = binding is not None and binding.host == row.source_host
    return holds_it or now - row.last_seen_at > KEPT


def grouped(rows: Iterable[Waiting]) -> dict[DeviceId, list[Waiting]]:
    """Rows by ID, in their order."""
    found: dict[DeviceId, list[Waiting]] = {}
    for row in rows:
        found.setdefault(row.device_id, []).append(row)
    return found


def address_text(host: str, port: int) -> str:
    """`192.0.2.7:5060`, `[2001:db8::7]:5060`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
