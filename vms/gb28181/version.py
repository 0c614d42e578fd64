"""Which edition a device speaks, and the header that tells (GB/T 28181-2022 annex I)."""

from enum import StrEnum

HEADER = "X-GB-Ver"
"""Carried by REGISTER and by every answer to it, success or failure."""


class Edition(StrEnum):
    """Edition of GB/T 28181; the value is its year, `unknown` where the device does not say."""

    UNKNOWN = "unknown"
    E2011 = "2011"
    E2014 = "2014"
    E2016 = "2016"
    E2022 = "2022"


_EDITION_OF_VERSION = {
    "1.0": Edition.E2011,
    "1.1": Edition.E2014,
    "2.0": Edition.E2016,
    "3.0": Edition.E2022,
}
_VERSION_OF_EDITION = {edition: version for version, edition in _EDITION_OF_VERSION.items()}


def edition_of(header: str | None) -> Edition:
    """The edition a header value names; `UNKNOWN` where it is absent or names none."""
    return _EDITION_OF_VERSION.get((header or "").strip(), Edition.UNKNOWN)


def version_of(edition: Edition) -> str | None:
    """The header value that names `edition`; None for `UNKNOWN`, which sends no header."""
    return _VERSION_OF_EDITION.get(edition)
