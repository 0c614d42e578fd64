"""How `Inventory` is to behave, what it counts, and what it answers to a sign of life."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from vms.inventory.ledger import PROOF_WINDOW_S


class Heard(Enum):
    """What a sign of life is worth."""

    KNOWN = auto()
    UNKNOWN_DEVICE = auto()
    """Not on file, or not registered: to be answered 403, so that it registers."""
    FOREIGN_ADDRESS = auto()
    """From where the device is not: 403, nothing changed."""


class BindingMove(StrEnum):
    """Whether a message other than REGISTER may move a device to another address."""

    STRICT = "strict"
    SAME_IP = "same-ip"
    """A new port on the same host: NAT does that."""
    ANY = "any"


@dataclass(frozen=True, slots=True)
class InventoryPolicy:
    """Plain values from the settings."""

    keepalive_interval_s: float = 60.0
    keepalive_misses: int = 3
    binding_move: BindingMove = BindingMove.SAME_IP
    proof_window_s: float = PROOF_WINDOW_S
    time_zone: str = "Asia/Shanghai"


@dataclass(slots=True)
class InventoryFigures:
    """Counts since start."""

    keepalives: int = 0
    unknown_devices: int = 0
    foreign_addresses: int = 0
    failed_writes: int = 0
    dropped_observations: int = 0
    """Steps of the ledger that contradicted what is stored."""
    spoilt_writes: int = 0
    """Signs of life that the database does not take."""
    stalls: int = 0
    clock_steps: int = 0
