"""Which edition a device speaks (GB/T 28181-2022 annex I)."""

from enum import StrEnum


class Edition(StrEnum):
    """Edition of GB/T 28181; the value is its year, `unknown` where the device does not say."""

    UNKNOWN = "unknown"
    E2011 = "2011"
    E2014 = "2014"
    E2016 = "2016"
    E2022 = "2022"
