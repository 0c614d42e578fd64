"""What a transcoding process runs for one job."""

from typing import Protocol

from media.unit import AccessUnit


class Converter(Protocol):
    """Units of one coding in, units of another out."""

    def convert(
        self, unit: AccessUnit, *, is_shown: bool = True, wants_key: bool = False
    ) -> list[AccessUnit]:
        """The units that `unit` makes; with `is_shown` false it is decoded only, for what follows.

        `wants_key`: the picture made shall be one that a decoder can begin with. `ProtocolError`
        when it does not decode.
        """
        ...
