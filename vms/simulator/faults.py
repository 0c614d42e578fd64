"""What simulated cameras do wrong on purpose, by name.

Written `NAME[=VALUE][@DEVICE]`: `silent@3` is the third device only, `loss=10` is every device. A
brand's habits are faults, too; see `vms.simulator.brands`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from vms.errors import InvalidError


class FaultKind(StrEnum):
    """The faults; the comment of each says what its value means."""

    # Registration and keepalives
    WRONG_PASSWORD = "wrong-password"  # noqa: S105  (a fault's name)
    WRONG_DOMAIN = "wrong-domain"
    """Registers in another domain than the server's, as after a typing mistake."""
    MISMATCHED_USERNAME = "mismatched-username"
    """Signs with the user name `admin` instead of its ID."""
    DUPLICATE_ID = "duplicate-id"
    """Has a twin: a second unit with the same ID, elsewhere."""
    CLOCK_SKEW = "clock-skew"
    """Its clock goes ahead by so many seconds."""
    SILENT = "silent"
    """Sends no more keepalives after so many seconds of being registered."""
    SILENT_AFTER_REGISTER = "silent-after-register"
    """Registers, and never sends a keepalive."""
    NO_REFRESH = "no-refresh"
    """Never registers again by itself; its keepalives go on after the registration's end."""
    FLAPPING = "flapping"
    """Unregisters after so many seconds, comes back after as many more, for ever."""
    NAT_REBINDING = "nat-rebinding"
    """Sends each keepalive from another port; the old one is dead."""
    REGISTERS_ON_CONFIG = "registers-on-config"
    """Registers again instead of answering a configuration type it does not know."""

    # Bodies
    BAD_XML = "bad-xml"
    """Sends catalogues that are no XML."""
    UNESCAPED_XML = "unescaped-xml"
    """Leaves `&`, `<` and `>` bare in names and addresses."""
    MISLABELLED_CHARSET = "mislabelled-charset"
    """Labels its XML GB2312 and writes UTF-8."""
    STATUS_WORDS = "status-words"
    """Says ONLINE and OFFLINE where a channel's status is ON or OFF."""
    PARENTAL_65535 = "parental-65535"
    """Says Parental 65535."""
    PLACEHOLDERS = "placeholders"
    """Copies `Owner`, `CivilCode` and `Address` from the standard's samples."""
    GARBLED_NAME = "garbled-name"
    """Has a device name with half characters and control bytes."""
    ONE_ITEM = "one-item"
    """Sends one item a message."""
    RECORD_LIMIT = "record-limit"
    """Lists at most so many recordings, and says that these are all."""
    LOST_PARTS = "lost-parts"
    """Announces all items of a long answer and leaves out so many percent (261 of 299)."""
    UNASKED_CATALOGUE = "unasked-catalogue"
    """Sends a catalogue of one item, which nobody asked for, every so many seconds."""
    CATALOGUE_FLOOD = "catalogue-flood"
    """Reports so many changes a second to whoever subscribed to its catalogue."""
    POSITION_BURST = "position-burst"
    """Reports its position so many times at once."""

    # Commands
    SLOW_ANSWER = "slow-answer"
    """Answers everything after so many seconds; an INVITE gets a 100 at once."""
    NO_ANSWER = "no-answer"
    """Says 200 to every query and control, and never answers."""
    RECORDS_NEED_ALL = "records-need-all"
    """Finds recordings only when asked for Type `all`."""
    CONFIG_BY_DEVICE = "config-by-device"
    """Answers configuration only under the device's ID."""
    CONFIG_ONE_BY_ONE = "config-one-by-one"
    """Sends a message for each configuration type asked for, those without a block as well."""
    CONFIG_RENAMED = "config-renamed"
    """Calls configuration blocks otherwise than they were asked for."""
    ALARMS_NEED_GUARD = "alarms-need-guard"
    """Raises alarms only while it is armed."""

    # Subscriptions
    NO_EXPIRES_IN_SUBSCRIBE = "no-expires-in-subscribe"
    """Accepts subscriptions without saying for how long."""
    NOTIFY_OUT_OF_DIALOG = "notify-out-of-dialog"
    """Notifies outside the dialog of the subscription."""
    SUBSCRIBE_REFRESH_481 = "subscribe-refresh-481"
    """Does not know its dialogs: every refresh gets 481."""

    # Calls and media
    REFUSE_INVITE = "refuse-invite"
    """Refuses every call with this status."""
    REFUSE_TCP = "refuse-tcp"
    """Refuses media over TCP."""
    ANSWER_WITHOUT_MEDIA = "answer-without-media"
    """Accepts every call with a description that has no media in it."""
    NO_MEDIA = "no-media"
    """Accepts every call and sends nothing."""
    WRONG_SSRC = "wrong-ssrc"
    """Answers with the offered SSRC and sends with another."""
    OWN_SSRC = "own-ssrc"
    """Answers with an SSRC of its own and sends with it."""
    NO_PSM = "no-psm"
    """Leaves system headers and stream maps out of the program stream."""
    WRONG_PSM_CRC = "wrong-psm-crc"
    """Computes the stream map's check sum wrongly."""
    PRIVATE_STREAM = "private-stream"
    """Puts a private stream (0xBD) beside the pictures."""
    NOT_PS = "not-ps"
    """Sends bare pictures under the payload type of program streams."""
    H265 = "h265"
    """Sends H.265, whatever the others send."""
    LOSS = "loss"
    """Loses so many percent of the RTP packets."""
    STALL = "stall"
    """Sends nothing for so many seconds, from the third of its first call; a call that was there
    before stays silent for ever, one made since is served then."""
    REBOOT = "reboot"
    """Restarts without a word so many seconds after its first call."""


_DEFAULT_VALUES = {
    FaultKind.SILENT: 30.0,
    FaultKind.FLAPPING: 20.0,
    FaultKind.LOSS: 5.0,
    FaultKind.STALL: 15.0,
    FaultKind.REBOOT: 5.0,
    FaultKind.SLOW_ANSWER: 3.0,
    FaultKind.CLOCK_SKEW: 90.0,
    FaultKind.LOST_PARTS: 12.7,
    FaultKind.RECORD_LIMIT: 500.0,
    FaultKind.UNASKED_CATALOGUE: 60.0,
    FaultKind.CATALOGUE_FLOOD: 100.0,
    FaultKind.POSITION_BURST: 20.0,
    FaultKind.REFUSE_INVITE: 486.0,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `device` counts from 1, None means all of them."""

    kind: FaultKind
    value: float | None = None
    device: int | None = None

    @classmethod
    def of(cls, kind: FaultKind) -> Self:
        """The fault with its usual value, for every device."""
        return cls(kind, _DEFAULT_VALUES.get(kind))

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

    __slots__ = ("_values",)

    def __init__(self, faults: Iterable[Fault], device: int) -> None:
        self._values = {
            fault.kind: fault.value for fault in faults if fault.device in (None, device)
        }

    def __contains__(self, kind: FaultKind) -> bool:
        return kind in self._values

    def value(self, kind: FaultKind) -> float | None:
        """The fault's value where the device has the fault and the fault has a value."""
        return self._values.get(kind)
