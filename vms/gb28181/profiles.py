"""What devices of a maker need that the standard leaves open, as data.

A profile is chosen by what a device says of itself (`choose`); a person may name another, and set
single fields over it (`with_fields`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from vms.gb28181.errors import ProtocolError
from vms.gb28181.sdp import StreamSelector
from vms.gb28181.version import Edition

Value = str | int | float | bool | None
"""A field of a profile as it is stored and shown; None where the device's nature decides."""


class Charset(StrEnum):
    """How MANSCDP bodies are written (6.10)."""

    BY_EDITION = "by_edition"
    """Labelled GB2312 up to 2016, GB18030 since 2022; GB 18030 bytes in both."""
    UTF_8 = "utf-8"


class RefreshMode(StrEnum):
    """How a subscription is prolonged (9.11.1)."""

    IN_DIALOG = "in_dialog"
    NEW_DIALOG = "new_dialog"
    """Many lower platforms know no refresh: each time a subscription of its own."""


class RecordType(StrEnum):
    """`Type` of a RecordInfo query (A.2.4.5)."""

    ALL = "all"
    TIME = "time"
    ALARM = "alarm"
    MANUAL = "manual"


class SdpOffer(StrEnum):
    """Which payload types an INVITE offers."""

    STANDARD = "standard"
    EXTENDED = "extended"
    """With the further numbers (126, 125, 34) without which some old devices refuse."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How one device is spoken to. A switch of subscriptions that is None: by what the device is.

    `edition` is assumed where the device does not tell its own. `record_info_slice_s` is the
    longest span asked in one RecordInfo query. `config_at_device`: configurations name the device
    where a channel is meant; `presets_at_device`: so do questions for the presets of a lone camera.
    `ptz_address` is the 12-bit address in a PTZ word, `ptz_max_speed` what a speed of 100 % becomes
    in it. `auto_guard`: set guard when the device registers; some cameras tell no alarm without it,
    and nobody but a person may decide to arm.
    """

    name: str
    edition: Edition = Edition.E2016
    charset: Charset = Charset.BY_EDITION
    send_date: bool = True
    subscribe_catalog: bool | None = None
    subscribe_alarm: bool | None = None
    subscribe_position: bool | None = None
    subscribe_ptz_position: bool | None = None
    subscription_refresh: RefreshMode = RefreshMode.IN_DIALOG
    record_info_slice_s: int = 86_400
    record_info_type: RecordType = RecordType.ALL
    config_at_device: bool = False
    presets_at_device: bool = False
    sdp_offer: SdpOffer = SdpOffer.STANDARD
    stream_selector: StreamSelector = StreamSelector.STREAM_NUMBER
    ptz_address: int = 0
    ptz_max_speed: int = 255
    alarm_response: bool = True
    ignore_catalog_on_off: bool = False
    auto_guard: bool = False

    def values(self) -> dict[str, Value]:
        """Every field but the name, as JSON knows values."""
        return {
            name: value.value if isinstance(value := getattr(self, name), StrEnum) else value
            for name in FIELDS
        }


FIELDS: Final = tuple(field.name for field in fields(Profile) if field.name != "name")
"""What a person may set singly."""

GENERIC: Final = Profile("generic")

PROFILES: Final[Mapping[str, Profile]] = {
    profile.name: profile
    for profile in (
        GENERIC,
        Profile(
            "hikvision",
            # Some firmwares answer longer spans with XML that is none.
            record_info_slice_s=43_200,
            sdp_offer=SdpOffer.EXTENDED,
        ),
        Profile(
            "dahua",
            # Answers to these only under its own ID.
            config_at_device=True,
            presets_at_device=True,
            stream_selector=StreamSelector.STREAM_PROFILE,
        ),
        Profile("uniview"),
        Profile("huawei", subscription_refresh=RefreshMode.NEW_DIALOG),
        Profile("tiandy"),
        # Mercury's are the same cameras.
        Profile("tplink", stream_selector=StreamSelector.STREAM_MODE),
    )
}
"""By name. One that has nothing of its own so far is there to be told from the generic."""

_MARKS: Final = (
    ("hikvision", ("hikvision", "hik-", "海康", "ivms")),
    ("dahua", ("dahua", "大华")),
    ("uniview", ("uniview", "宇视")),
    ("huawei", ("huawei", "华为", "holowits", "好望")),
    ("tiandy", ("tiandy", "天地伟业")),
    ("tplink", ("tp-link", "tplink", "普联", "mercury", "水星")),
)
"""What the makers write into Manufacturer and User-Agent."""

_MODEL_MARKS: Final = (
    ("hikvision", ("ds-2", "ds-7", "ds-8", "ds-9", "ids-")),
    ("dahua", ("dh-", "ipc-hf", "ipc-hd", "nvr4", "nvr5")),
    ("huawei", ("ivs3", "ivs1")),
    ("tiandy", ("tc-c", "tc-r")),
    ("tplink", ("tl-ipc", "mipc")),
)
"""How their models begin."""


@lru_cache(maxsize=1024)
def choose(manufacturer: str, user_agent: str, model: str) -> Profile:
    """The profile for what a device says of itself: its Manufacturer, else its User-Agent, else its
    model. Nothing known: the generic one."""
    for text in (manufacturer, user_agent):
        for name, marks in _MARKS:
            if any(mark in text.casefold() for mark in marks):
                return PROFILES[name]
    for name, beginnings in _MODEL_MARKS:
        if model.casefold().startswith(beginnings):
            return PROFILES[name]
    return GENERIC


_BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "record_info_slice_s": (600, 31 * 86_400),
    "ptz_address": (0, 0xFFF),
    "ptz_max_speed": (1, 255),
}

_WORDS: Final[Mapping[str, type[StrEnum]]] = {
    "edition": Edition,
    "charset": Charset,
    "subscription_refresh": RefreshMode,
    "record_info_type": RecordType,
    "sdp_offer": SdpOffer,
    "stream_selector": StreamSelector,
}


def with_fields(profile: Profile, changes: Mapping[str, Value]) -> Profile:
    """`profile` with single fields as a person set them; raises `ProtocolError` for nonsense."""
    if not changes:
        return profile
    values: dict[str, Any] = {name: checked(name, value) for name, value in changes.items()}
    return replace(profile, **values)


def checked(name: str, value: Value) -> Value:
    """A field's value as a profile has it; raises `ProtocolError` for what it cannot be."""
    if name not in FIELDS:
        raise ProtocolError(f"a profile has no field {name[:40]!r}")
    if name in _WORDS:
        words = _WORDS[name]
        try:
            word = words(str(value))
        except ValueError as error:
            known = ", ".join(word.value for word in words)
            raise ProtocolError(f"{name} is one of {known}") from error
        if word is Edition.UNKNOWN:
            raise ProtocolError("a profile assumes an edition")
        return word
    if name in _BOUNDS:
        least, most = _BOUNDS[name]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ProtocolError(f"{name} is a whole number of {least} to {most}")
        return value
    if not isinstance(value, bool):
        raise ProtocolError(f"{name} is true or false")
    return value
