"""May this REGISTER in (GB/T 28181-2022, 9.1)? Facts and a verdict on the digest in, answer out.

Pure. Whoever calls it has judged the digest (`DigestVerdict`) and performs the answer. Every
REGISTER is judged alike, first, refresh and unregister: a Call-ID is no secret.
"""

import hmac
from base64 import b32encode
from dataclasses import dataclass
from enum import StrEnum, auto

from vms.frozen import quickly_made
from vms.gb28181.ids import DeviceId
from vms.inventory.model import Device, Waiting, WaitingVerdict

SHORTEST_EXPIRY_S = 60
LONGEST_EXPIRY_S = 604_800
ASSUMED_EXPIRY_S = 3600
"""What a REGISTER that names no expiry gets."""


class DigestVerdict(StrEnum):
    """What the credentials of a REGISTER showed, against the secret it should know."""

    ABSENT = auto()
    RIGHT = auto()
    WRONG = auto()
    STALE = auto()
    """Right or not: its nonce has lived, or was used before. It gets a fresh one."""
    FORGED = auto()
    """The nonce is none of ours."""
    UNKNOWABLE = auto()
    """Wrong for what we would expect, but nobody told us what this device knows."""


class Admission(StrEnum):
    """What a device that is not on file gets."""

    OPEN = "open"
    APPROVE = "approve"
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class RegistrationPolicy:
    """The settings that decide."""

    admission: Admission = Admission.APPROVE
    require_digest: bool = True


@quickly_made
@dataclass(frozen=True, slots=True)
class RegistrationFacts:
    """What a REGISTER says, and what is known of who sends it.

    `device_id` is the From user, `to_id` the To user, `username` the digest's (None: no
    credentials). `expires_s` None where neither Contact nor Expires says. `is_alive_elsewhere`: the
    one on file was heard a moment ago, from another host and under another Call-ID.
    """

    device_id: DeviceId
    to_id: str
    username: str | None
    expires_s: int | None
    device: Device | None
    is_refused: bool
    is_alive_elsewhere: bool


@dataclass(frozen=True, slots=True)
class Challenge:
    """401 with a fresh nonce; `stale` tells the device that its password is not in doubt."""

    stale: bool = False


@dataclass(frozen=True, slots=True)
class Accept:
    """200. `expires_s` 0 unregisters. `is_new`: it comes on file by this."""

    expires_s: int
    is_new: bool = False


class Refusal(StrEnum):
    """Why a REGISTER is refused with 403 (423 for an expiry too brief)."""

    IDENTITY = "identity"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - the name of a reason, no password
    NOT_LISTED = "not_listed"
    WAITS = "waits"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    EXPIRY_TOO_BRIEF = "expiry_too_brief"


@dataclass(frozen=True, slots=True)
class Refuse:
    """403 without Retry-After, or 423 with Min-Expires; `waits` goes into the waiting room."""

    refusal: Refusal
    waits: WaitingVerdict | None = None

    @property
    def status(self) -> int:
        """The SIP status."""
        return 423 if self.refusal is Refusal.EXPIRY_TOO_BRIEF else 403


Answer = Challenge | Accept | Refuse


def decide(facts: RegistrationFacts, verdict: DigestVerdict, policy: RegistrationPolicy) -> Answer:
    """The answer to a REGISTER.

    Identity first (From, To and digest username name one device), so that knowing one device's
    secret opens no other. A wrong password is 403, not another 401: devices would go round and
    round.
    """
    standing = _standing(facts, policy)
    if standing is not None:
        return Refuse(standing)
    if policy.require_digest:
        match verdict:
            case DigestVerdict.ABSENT | DigestVerdict.FORGED:
                return Challenge()
            case DigestVerdict.STALE:
                return Challenge(stale=True)
            case DigestVerdict.WRONG | DigestVerdict.UNKNOWABLE:
                return _wrong(facts, verdict, policy)
            case DigestVerdict.RIGHT:
                pass
    return _admit(facts, verdict, policy)


def _standing(facts: RegistrationFacts, policy: RegistrationPolicy) -> Refusal | None:
    """What no password can mend."""
    expected = facts.device_id
    if facts.device is not None and facts.device.sip_username:
        expected = DeviceId(facts.device.sip_username)
    if facts.to_id != facts.device_id or facts.username not in {None, expected}:
        return Refusal.IDENTITY
    if facts.is_refused:
        return Refusal.REFUSED
    if facts.device is None and policy.admission is Admission.LISTED:
        return Refusal.NOT_LISTED
    return None


def _wrong(facts: RegistrationFacts, verdict: DigestVerdict, policy: RegistrationPolicy) -> Refuse:
    if facts.device is not None or policy.admission is Admission.OPEN:
        return Refuse(Refusal.WRONG_PASSWORD)
    is_wrong = verdict is DigestVerdict.WRONG
    return Refuse(Refusal.WAITS, WaitingVerdict.WRONG if is_wrong else WaitingVerdict.UNKNOWABLE)


def _admit(
    facts: RegistrationFacts, verdict: DigestVerdict, policy: RegistrationPolicy
) -> Accept | Refuse:
    proven = WaitingVerdict.RIGHT if verdict is DigestVerdict.RIGHT else WaitingVerdict.UNKNOWABLE
    if facts.device is None and policy.admission is Admission.APPROVE:
        return Refuse(Refusal.WAITS, proven)
    # Two units set to one ID: the one that is there stays, the other is shown beside it. A device
    # that merely moved is let in as soon as its old address has been silent for an interval.
    if facts.is_alive_elsewhere:
        return Refuse(Refusal.DUPLICATE, proven)
    expires_s = ASSUMED_EXPIRY_S if facts.expires_s is None else facts.expires_s
    if 0 < expires_s < SHORTEST_EXPIRY_S:
        return Refuse(Refusal.EXPIRY_TOO_BRIEF)
    return Accept(min(expires_s, LONGEST_EXPIRY_S), is_new=facts.device is None and expires_s > 0)


def is_alive_elsewhere(device: Device, *, is_alive: bool, host: str, call_id: str) -> bool:
    """Another unit holds this ID now. Units behind one address cannot be told apart by it."""
    binding = device.binding
    return is_alive and binding is not None and binding.host != host and binding.call_id != call_id


def refused_already(waiting: list[Waiting]) -> bool:
    """An operator said no to this ID; rows of one ID."""
    return any(row.refused for row in waiting)


class Secrets:
    """Which password a device has to know: its own, the shared one, or one derived from its ID.

    The derived one is 16 characters of a-z2-7, the last a digit: 77 bits, typed without doubt,
    within what cameras take.
    """

    def __init__(self, master_key: bytes, shared_password: str | None = None) -> None:
        self._master_key = master_key
        self._shared_password = shared_password

    @property
    def is_shared(self) -> bool:
        """All devices without a secret of their own have one password."""
        return self._shared_password is not None

    def of(self, device: Device) -> str:
        """The secret of a device on file."""
        return self.of_stranger(device.device_id) if device.secret is None else device.secret

    def of_stranger(self, device_id: DeviceId) -> str:
        """What a device that is not on file is expected to know."""
        if self._shared_password is not None:
            return self._shared_password
        return derived_secret(self._master_key, device_id)

    def wrong(self, device: Device | None) -> DigestVerdict:
        """What a digest that does not fit says: a stranger may know what nobody told us."""
        if device is None and not self.is_shared:
            return DigestVerdict.UNKNOWABLE
        return DigestVerdict.WRONG


def derived_secret(master_key: bytes, device_id: DeviceId) -> str:
    """A device's secret from the server's master key and its ID (HMAC-SHA-256)."""
    mac = hmac.digest(master_key, b"device secret\0" + device_id.encode(), "sha256")
    return b32encode(mac)[:15].decode().lower() + "234567"[mac[-1] % 6]
