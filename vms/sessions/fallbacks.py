"""Devices whose media came by UDP only: remembered with the reason, and tried by TCP again."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FIRST_TRUST_S = 600.0
"""So long nobody tries TCP again after it failed; each further failure doubles it."""

LONGEST_TRUST_S = 86_400.0

DEVICES_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    trust_s: float
    until_s: float


class Fallbacks:
    """Which devices are asked by UDP, and until when.

    A firewall that is opened or a firmware that is mended is found out by the first session after
    that. Bounded: beyond that the device whose failure is oldest is forgotten.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failures: OrderedDict[str, _Failure] = OrderedDict()

    def reason(self, device_id: str) -> str:
        """Why the device is to be asked by UDP; empty: TCP is to be tried."""
        failure = self._failures.get(device_id)
        return failure.reason if failure is not None and self._now() < failure.until_s else ""

    def tcp_failed(self, device_id: str, reason: str) -> None:
        """TCP brought nothing, and UDP did."""
        former = self._failures.pop(device_id, None)
        trust_s = FIRST_TRUST_S if former is None else min(2 * former.trust_s, LONGEST_TRUST_S)
        self._failures[device_id] = _Failure(reason, trust_s, self._now() + trust_s)
        if len(self._failures) > DEVICES_KEPT:
            self._failures.popitem(last=False)

    def tcp_works(self, device_id: str) -> None:
        """A picture came by TCP."""
        self._failures.pop(device_id, None)
