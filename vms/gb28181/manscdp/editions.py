"""Sets of editions, and whose form is written where an edition has none of its own."""

from collections.abc import Set as AbstractSet

from vms.gb28181.version import Edition

ORDER = (Edition.E2011, Edition.E2014, Edition.E2016, Edition.E2022)
EVERY = frozenset(ORDER)
UP_TO_2016 = EVERY - {Edition.E2022}
SINCE_2014 = EVERY - {Edition.E2011}
SINCE_2016 = frozenset({Edition.E2016, Edition.E2022})
ONLY_2014 = frozenset({Edition.E2014})
ONLY_2016 = frozenset({Edition.E2016})
ONLY_2022 = frozenset({Edition.E2022})
NONE: frozenset[Edition] = frozenset()
"""Of an element that is read and never written: an odd spelling of another."""


def assumed(edition: Edition) -> Edition:
    """What a peer that does not say is taken for: the 2016 edition, which most devices speak."""
    return Edition.E2016 if edition is Edition.UNKNOWN else edition


def nearest(editions: AbstractSet[Edition], wanted: Edition) -> Edition:
    """`wanted` itself, else the next later of `editions`, else the last earlier one.

    `editions` is not empty.
    """
    at = ORDER.index(assumed(wanted))
    return next(one for one in (*ORDER[at:], *reversed(ORDER[:at])) if one in editions)
