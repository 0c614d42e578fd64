"""Who is let in."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from vms.gb28181.ids import DeviceId
from vms.inventory.model import Binding, Device, DeviceKey, WaitingVerdict
from vms.inventory.registration import (
    Accept,
    Admission,
    Challenge,
    DigestVerdict,
    Refusal,
    Refuse,
    RegistrationFacts,
    RegistrationPolicy,
    Secrets,
    decide,
    is_alive_elsewhere,
)

GATE = DeviceId("34020000001110000001")
YARD = DeviceId("34020000001110000002")
ON_FILE = Device(DeviceKey(1), GATE)
STRANGER = RegistrationFacts(
    device_id=GATE,
    to_id=GATE,
    username=GATE,
    expires_s=3600,
    device=None,
    is_refused=False,
    is_alive_elsewhere=False,
)
KNOWN = replace(STRANGER, device=ON_FILE)
APPROVE = RegistrationPolicy()
OPEN = RegistrationPolicy(admission=Admission.OPEN)
LISTED = RegistrationPolicy(admission=Admission.LISTED)
LABORATORY = RegistrationPolicy(admission=Admission.OPEN, require_digest=False)
RIGHT = DigestVerdict.RIGHT


def test_a_register_without_credentials_is_challenged() -> None:
    asked = replace(KNOWN, username=None)

    assert decide(asked, DigestVerdict.ABSENT, APPROVE) == Challenge()


def test_a_stale_nonce_is_no_doubt_about_the_password() -> None:
    assert decide(KNOWN, DigestVerdict.STALE, APPROVE) == Challenge(stale=True)


def test_a_nonce_of_somebody_else_is_challenged_anew() -> None:
    assert decide(KNOWN, DigestVerdict.FORGED, APPROVE) == Challenge()


def test_a_right_digest_lets_a_device_on_file_in() -> None:
    assert decide(KNOWN, RIGHT, APPROVE) == Accept(3600)


def test_a_wrong_password_is_refused_and_not_challenged_again() -> None:
    assert decide(KNOWN, DigestVerdict.WRONG, APPROVE) == Refuse(Refusal.WRONG_PASSWORD)
    assert Refuse(Refusal.WRONG_PASSWORD).status == 403


@pytest.mark.parametrize(
    "facts", [replace(KNOWN, to_id=YARD), replace(KNOWN, username=YARD)], ids=["to", "username"]
)
def test_a_device_cannot_be_another_device(facts: RegistrationFacts) -> None:
    assert decide(facts, RIGHT, APPROVE) == Refuse(Refusal.IDENTITY)


def test_the_username_on_file_counts() -> None:
    device = replace(ON_FILE, sip_username="gate")

    assert decide(replace(KNOWN, device=device, username="gate"), RIGHT, APPROVE) == Accept(3600)
    assert decide(replace(KNOWN, device=device), RIGHT, APPROVE) == Refuse(Refusal.IDENTITY)


def test_unregistering_is_judged_like_registering() -> None:
    leaving = replace(KNOWN, expires_s=0)

    assert decide(leaving, RIGHT, APPROVE) == Accept(0)
    assert decide(leaving, DigestVerdict.WRONG, APPROVE) == Refuse(Refusal.WRONG_PASSWORD)
    assert decide(replace(leaving, username=None), DigestVerdict.ABSENT, APPROVE) == Challenge()


@pytest.mark.parametrize(
    ("expires_s", "answer"),
    [
        (None, Accept(3600)),
        (59, Refuse(Refusal.EXPIRY_TOO_BRIEF)),
        (60, Accept(60)),
        (604_800, Accept(604_800)),
        (10**9, Accept(604_800)),
    ],
)
def test_an_expiry_is_taken_within_bounds(expires_s: int | None, answer: Accept | Refuse) -> None:
    assert decide(replace(KNOWN, expires_s=expires_s), RIGHT, APPROVE) == answer


def test_an_expiry_too_brief_is_423() -> None:
    assert Refuse(Refusal.EXPIRY_TOO_BRIEF).status == 423


@pytest.mark.parametrize(
    ("verdict", "waits"),
    [
        (DigestVerdict.RIGHT, WaitingVerdict.RIGHT),
        (DigestVerdict.WRONG, WaitingVerdict.WRONG),
        (DigestVerdict.UNKNOWABLE, WaitingVerdict.UNKNOWABLE),
    ],
)
def test_under_approve_a_stranger_waits_with_what_its_digest_showed(
    verdict: DigestVerdict, waits: WaitingVerdict
) -> None:
    assert decide(STRANGER, verdict, APPROVE) == Refuse(Refusal.WAITS, waits)


def test_under_open_a_stranger_comes_in_by_its_right_digest_alone() -> None:
    assert decide(STRANGER, RIGHT, OPEN) == Accept(3600, is_new=True)
    assert decide(STRANGER, DigestVerdict.WRONG, OPEN) == Refuse(Refusal.WRONG_PASSWORD)


def test_a_stranger_who_leaves_does_not_come_on_file() -> None:
    assert decide(replace(STRANGER, expires_s=0), RIGHT, OPEN) == Accept(0)


def test_under_listed_a_stranger_is_not_even_challenged() -> None:
    asked = replace(STRANGER, username=None)

    assert decide(asked, DigestVerdict.ABSENT, LISTED) == Refuse(Refusal.NOT_LISTED)


def test_the_refused_are_refused_whatever_they_know() -> None:
    refused = replace(STRANGER, is_refused=True)

    assert decide(refused, RIGHT, OPEN) == Refuse(Refusal.REFUSED)


def test_without_digest_everybody_named_rightly_comes_in() -> None:
    asked = replace(STRANGER, username=None)

    assert decide(asked, DigestVerdict.ABSENT, LABORATORY) == Accept(3600, is_new=True)
    assert decide(replace(asked, to_id=YARD), DigestVerdict.ABSENT, LABORATORY) == Refuse(
        Refusal.IDENTITY
    )


def test_without_digest_a_stranger_still_waits_for_approval() -> None:
    policy = RegistrationPolicy(require_digest=False)

    assert decide(replace(STRANGER, username=None), DigestVerdict.ABSENT, policy) == Refuse(
        Refusal.WAITS, WaitingVerdict.UNKNOWABLE
    )


def test_a_second_unit_with_the_same_id_is_refused_and_shown() -> None:
    double = replace(KNOWN, is_alive_elsewhere=True)

    assert decide(double, RIGHT, APPROVE) == Refuse(Refusal.DUPLICATE, WaitingVerdict.RIGHT)


@pytest.mark.parametrize(
    ("is_alive", "host", "call_id", "is_other"),
    [
        (True, "127.0.0.66", "other", True),
        (True, "127.0.0.66", "first", False),
        (True, "127.0.0.9", "other", False),
        (False, "127.0.0.66", "other", False),
    ],
    ids=["another unit", "moved, same call", "same host", "silent, so it moved"],
)
def test_another_unit_is_one_elsewhere_while_the_first_is_heard(
    is_alive: bool, host: str, call_id: str, is_other: bool
) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    binding = Binding("UDP", "127.0.0.9", 5060, "", "", "first", at, at)
    device = replace(ON_FILE, binding=binding)

    assert is_alive_elsewhere(device, is_alive=is_alive, host=host, call_id=call_id) is is_other
    assert not is_alive_elsewhere(ON_FILE, is_alive=is_alive, host=host, call_id=call_id)


def test_each_device_has_a_derived_secret_of_its_own() -> None:
    secrets = Secrets(b"master key")

    gate, yard = secrets.of(ON_FILE), secrets.of_stranger(YARD)

    assert gate != yard
    assert gate == Secrets(b"master key").of_stranger(GATE)
    assert gate != Secrets(b"another key").of_stranger(GATE)
    assert len(gate) == 16
    assert gate.isalnum()
    assert gate == gate.lower()
    assert gate[-1].isdigit()


def test_a_secret_of_its_own_comes_before_the_shared_one() -> None:
    shared, own = "for everybody", "its own"
    secrets = Secrets(b"master key", shared)

    assert secrets.of(ON_FILE) == shared
    assert secrets.of(replace(ON_FILE, secret=own)) == own


def test_a_digest_that_does_not_fit_is_wrong_only_where_we_know_what_fits() -> None:
    assert Secrets(b"key").wrong(ON_FILE) is DigestVerdict.WRONG
    assert Secrets(b"key").wrong(None) is DigestVerdict.UNKNOWABLE
    assert Secrets(b"key", "shared").wrong(None) is DigestVerdict.WRONG
