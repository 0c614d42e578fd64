"""Which devices are sent on to another server (GB/T 28181-2022, 9.1.2.3)."""

from collections.abc import Mapping

from vms.gb28181.ids import DeviceId


class Redirects:
    """`sip.redirects`: the longest run of first digits that fits a device ID says where it goes."""

    def __init__(self, targets: Mapping[str, str]) -> None:
        self._targets = dict(targets)
        self._lengths = sorted({len(digits) for digits in targets}, reverse=True)

    def target_of(self, device_id: DeviceId) -> str | None:
        """The SIP URI of the server that takes this device; None where that is us."""
        for length in self._lengths:
            target = self._targets.get(device_id[:length])
            if target is not None and len(device_id) >= length:
                return target
        return None
