"""What simulated cameras do wrong on purpose, by name.

Written `NAME[=VALUE][@DEVICE]`: `silent@3` is the third device only, `loss=10` is every device.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from vms.errors import InvalidError


class FaultKind(StrEnum):
    """The faults; the comment of each says what its value means."""

    WRONG_PASSWORD = "wrong-password"  # noqa: S105  (a fault's name)
    SILENT = "silent"
    """Sends no more keepalives after so many seconds of being registered."""
    FLAPPING = "flapping"
    """Unregisters after so many seconds, comes back after as many more, for ever."""
    NO_MEDIA = "no-media"
    """Accepts every call and sends nothing."""
    WRONG_SSRC = "wrong-ssrc"
    """Answers with the offered SSRC and sends with another."""
    NO_PSM = "no-psm"
    """Leaves system headers and stream maps out of the program stream."""
    LOSS = "loss"
    """Loses so many percent of the RTP packets."""
    BAD_XML = "bad-xml"
    """Sends catalogues that are no XML."""
    SLOW_ANSWER = "slow-answer"
    """Answers everything after so many seconds; an INVITE gets a 100 at once."""


_DEFAULT_VALUES = {
    FaultKind.SILENT: 30.0,
    FaultKind.FLAPPING: 20.0,
    FaultKind.LOSS: 5.0,
    FaultKind.SLOW_ANSWER: 3.0,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `device` counts from 1, None means all of them."""

    kind: FaultKind
    value: float | None = None
    device: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `NAME[=VALUE][@DEVICE]`; raises `InvalidError`."""
        named, at, device = text.partition("@")
        name, equals, value = named.partition("=")
        try:
            kind = FaultKind(name.strip())
        except ValueError:
            known = ", ".join(FaultKind)
            raise InvalidError(f"no fault {name!r}; there are {known}") from None
        default = _DEFAULT_VALUES.get(kind)
        if equals and default is None:
            raise InvalidError(f"the fault {kind} takes no value")
        try:
            amount = float(value) if equals else default
            number = int(device) if at else None
        except ValueError:
            raise InvalidError(f"not NAME[=VALUE][@DEVICE]: {text!r}") from None
        if (amount is not None and not 0 <= amount <= 86_400) or (
            number is not None and number < 1
        ):
            raise InvalidError(f"out of range: {text!r}")
        return cls(kind, amount, number)


class Faults:
    """What one device does wrong."""

    def __init__(self, faults: Iterable[Fault], device: int) -> None:
        self._values = {
            fault.kind: fault.value for fault in faults if fault.device in (None, device)
        }

    def __contains__(self, kind: FaultKind) -> bool:
        return kind in self._values

    def value(self, kind: FaultKind) -> float | None:
        """The fault's value where the device has the fault and the fault has a value."""
        return self._values.get(kind)


def spoil(body: bytes) -> bytes:
    """A catalogue as a careless recorder writes it: a bare `&`, a NUL, an `</Item>` too many."""
    spoilt = body.replace(b"<Name>", b"<Name>A&B \0", 1)
    return spoilt.replace(b"</Item>", b"</Item>\r\n</Item>", 1)
