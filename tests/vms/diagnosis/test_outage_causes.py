"""From members to a cause, its evidence and its words."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from vms.diagnosis.outage_causes import Parent, judged, told
from vms.diagnosis.outage_grouping import Loss, Refusal, Role
from vms.diagnosis.outage_texts import TEXTS
from vms.inventory.outage_records import Outage, OutageCause, OutageKind

DEVICE, RECORDER = "34020000001320000001", "34020000001180000009"
ALONE = {"device_id": DEVICE}
LOSS = Loss(
    kind=OutageKind.GONE,
    device_id=DEVICE,
    key=1,
    way="silent",
    at_s=1_772_413_200.4,
    heard_s=1_772_413_020.0,
    interval_s=60.0,
    limit_s=180.0,
    channels=1,
    facts={"address": "192.0.2.7:5060", "transport": "UDP"},
)
REFUSED = Refusal("wrong_password", "192.0.2.7:5060 UDP", 1_772_413_100.0, 7)
OFF = replace(
    LOSS, kind=OutageKind.OFF, way="catalog", channel_id=DEVICE, facts={"reported": "OFF"}
)


@pytest.mark.parametrize(
    ("loss", "scope", "cause"),
    [
        (LOSS, ALONE, OutageCause.KEEPALIVES_STOPPED),
        (replace(LOSS, way="grace_passed"), ALONE, OutageCause.KEEPALIVES_STOPPED),
        (replace(LOSS, way="connection_lost"), ALONE, OutageCause.CONNECTION_LOST),
        (replace(LOSS, way="unregistered"), ALONE, OutageCause.UNREGISTERED),
        (replace(LOSS, role=Role.RECORDER, channels=64), ALONE, OutageCause.RECORDER_LOST),
        (replace(LOSS, role=Role.PLATFORM, channels=900), ALONE, OutageCause.PLATFORM_LOST),
        (replace(LOSS, is_flapping=True, falls=3), ALONE, OutageCause.FLAPPING),
        (replace(LOSS, refusal=REFUSED), ALONE, OutageCause.REGISTRATION_REFUSED),
        (
            replace(LOSS, refusal=replace(REFUSED, why="unavailable")),
            ALONE,
            OutageCause.SERVER_OVERLOADED,
        ),
        (
            replace(LOSS, way="unregistered", refusal=replace(REFUSED, why="redirected")),
            ALONE,
            OutageCause.REDIRECTED,
        ),
        (
            replace(LOSS, facts={"expired_at": "2026-03-02T00:59:50+00:00"}),
            ALONE,
            OutageCause.REGISTRATION_EXPIRED,
        ),
        (LOSS, {"segment": "192.0.2.0/24"}, OutageCause.SEGMENT_SILENT),
        (LOSS, {"division": "3402"}, OutageCause.DIVISION_SILENT),
        (replace(LOSS, kind=OutageKind.CLOCK, way="clock_off"), ALONE, OutageCause.CLOCK_DRIFT),
        (
            replace(LOSS, kind=OutageKind.CONFLICT, way="second_unit"),
            ALONE,
            OutageCause.ID_CONFLICT,
        ),
        (
            replace(LOSS, kind=OutageKind.NO_MEDIA, channel_id=DEVICE, way="no_rtp"),
            ALONE,
            OutageCause.MEDIA_NEVER_ARRIVES,
        ),
        (OFF, {**ALONE, "parent_id": DEVICE}, OutageCause.CHANNEL_OFF),
        (OFF, {**ALONE, "parent_id": RECORDER}, OutageCause.RECORDER_LOST),
    ],
)
def test_each_cause_has_its_facts(loss: Loss, scope: Mapping[str, str], cause: OutageCause) -> None:
    parent = Parent(channels=8, off=8) if loss.kind is OutageKind.OFF else None

    verdict = judged([loss], scope, parent)

    assert verdict.cause is cause


def test_a_recorder_of_which_a_channel_is_left_is_not_lost() -> None:
    scope = {**ALONE, "parent_id": RECORDER}

    assert judged([OFF], scope, Parent(8, 7)).cause is OutageCause.CHANNEL_OFF
    assert judged([OFF], scope, Parent(1, 1)).cause is OutageCause.CHANNEL_OFF


def test_the_evidence_is_what_was_seen() -> None:
    verdict = judged([replace(LOSS, refusal=REFUSED)], ALONE)

    assert verdict.evidence == {
        "device_id": DEVICE,
        "devices": 1,
        "channels": 1,
        "first_lost_at": "2026-03-02T01:00:00+00:00",
        "last_lost_at": "2026-03-02T01:00:00+00:00",
        "last_heard_at": "2026-03-02T00:57:00+00:00",
        "lost_by_silent": 1,
        "address": "192.0.2.7:5060",
        "transport": "UDP",
        "interval_s": 60,
        "limit_s": 180,
        "silent_s": 180,
        "refused_because": "wrong_password",
        "sip_status": 403,
        "refused_at": "2026-03-02T00:58:20+00:00",
        "refused_source": "192.0.2.7:5060 UDP",
        "attempts": 7,
    }


def test_most_members_decide() -> None:
    silent = [replace(LOSS, device_id=f"3402000000132{number:07d}") for number in range(5)]
    flapping = [replace(each, is_flapping=True, falls=4) for each in silent[:3]]

    verdict = judged([*flapping, *silent[3:]], {"segment": "192.0.2.0/24"})

    assert verdict.cause is OutageCause.FLAPPING
    assert (verdict.evidence["falls"], verdict.evidence["most_falls"]) == (14, 4)


@pytest.mark.parametrize("cause", list(OutageCause))
def test_every_cause_has_words_in_both_languages(cause: OutageCause) -> None:
    for text in [text for key, text in TEXTS.items() if key.partition(".")[0] == cause]:
        assert all(part.endswith((".", "。")) for part in text)
    outage = Outage("1", OutageKind.GONE, cause, 0, devices=1)

    words = told(outage)

    assert words.sentence_en
    assert words.next_step_zh


def test_words_carry_the_facts() -> None:
    evidence = {**judged([LOSS], ALONE).evidence, "clock_offset_s": -420.3}
    slow = Outage("1", OutageKind.CLOCK, OutageCause.CLOCK_DRIFT, 0, evidence=evidence, devices=1)
    silent = replace(slow, kind=OutageKind.GONE, cause=OutageCause.KEEPALIVES_STOPPED)

    assert told(slow).sentence_en == f"The clock of {DEVICE} is 420 s behind ours."
    assert told(slow).sentence_zh == f"{DEVICE} 的时钟比本平台慢 420 秒。"
    assert told(silent).sentence_en == (
        f"{DEVICE} fell silent: last heard at 2026-03-02T00:57:00+00:00 from 192.0.2.7:5060, "
        "keepalives were due every 60 s."
    )
