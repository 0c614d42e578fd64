"""One cause for each set of facts, told in both languages with the next step."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sip.message import Address, Flow
from vms.diagnosis.causes import (
    Cause,
    DeviceFacts,
    Identity,
    MediaFacts,
    PlayFacts,
    Sender,
    diagnose_device,
    diagnose_play,
)
from vms.diagnosis.texts import TEXTS
from vms.gb28181.ids import DeviceId
from vms.signalling.registration_history import Attempt
from vms.signalling.registration_history import Cause as Came

CAMERA = DeviceId("34020000001320000001")
US = Identity("34020000002000000001", "3402000000", "192.0.2.1", 5060)
AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
TAKEN = Sender("192.0.2.7:15060", 200000001, 96, 500, 500_000, is_taken=True)

ABSENT = DeviceFacts(
    device_id=CAMERA,
    status="",
    attempt=None,
    bound=None,
    silent_s=None,
    interval_s=60,
    clock_offset_s=None,
    waiting_verdict=None,
    us=US,
)
ONLINE = replace(ABSENT, status="online", bound="192.0.2.7:5060", silent_s=3)

CALLED = {"invite_sent": "", "answered": "200", "acknowledged": ""}
HEARD = {**CALLED, "first_packet": "from 192.0.2.7:15060"}
MATCHED = {**HEARD, "ssrc_matched": "0200000001 as agreed"}
PARSED = {**MATCHED, "container_parsed": "ps"}
SHOWN = {**PARSED, "first_picture": "h264 640x360"}

PLAY = PlayFacts(
    device_id=CAMERA,
    channel_id="34020000001310000001",
    state="closed",
    ended_by="no_media",
    reason="no_media",
    error="",
    transport="udp",
    told="192.0.2.1:30000",
    ssrc="0200000001",
    sip_status=None,
    fallback="",
    stages=CALLED,
    media=MediaFacts(),
    us=US,
)
PLAYING = replace(
    PLAY,
    state="streaming",
    ended_by="",
    stages=SHOWN,
    media=MediaFacts(packets=500, container="ps", video_codec="h265", senders=(TAKEN,)),
)


ROAD = Flow("UDP", Address("192.0.2.1", 5060), Address("192.0.2.7", 5060))


def came(
    cause: Came, *, names_us: bool = True, asked_for: str = f"sip:{US.server_id}@x"
) -> DeviceFacts:
    attempt = Attempt(CAMERA, cause, ROAD, AT, AT, 3, asked_for, names_us, None)
    return replace(ABSENT, status="offline", attempt=attempt)


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        (ABSENT, Cause.NO_REGISTER),
        (replace(ABSENT, device_id="340200000013200001"), Cause.NO_REGISTER),
        (ONLINE, Cause.NONE),
        (replace(ONLINE, clock_offset_s=29.0), Cause.NONE),
        (replace(ONLINE, clock_offset_s=-31.0), Cause.CLOCK_OFF),
        (replace(ONLINE, attempt=came(Came.OTHER_ADDRESS).attempt), Cause.OTHER_ADDRESS),
        (replace(ONLINE, status="unknown"), Cause.PENDING),
        (replace(ONLINE, status="offline", silent_s=200), Cause.KEEPALIVES_STOPPED),
        (came(Came.ACCEPTED), Cause.KEEPALIVES_STOPPED),
        (came(Came.UNREGISTERED), Cause.UNREGISTERED),
        (came(Came.CHALLENGED), Cause.CHALLENGE_UNANSWERED),
        (came(Came.CHALLENGE_UNANSWERED), Cause.CHALLENGE_UNANSWERED),
        (came(Came.STALE_LOOP), Cause.CHALLENGE_UNANSWERED),
        (came(Came.WRONG_PASSWORD), Cause.WRONG_PASSWORD),
        (came(Came.REALM), Cause.WRONG_PASSWORD),
        (replace(came(Came.WAITS), waiting_verdict="wrong"), Cause.WRONG_PASSWORD),
        (replace(came(Came.WAITS), waiting_verdict="right"), Cause.ID_NOT_ALLOWED),
        (came(Came.NOT_ALLOWED), Cause.ID_NOT_ALLOWED),
        (came(Came.REFUSED), Cause.ID_NOT_ALLOWED),
        (came(Came.USERNAME), Cause.ID_NOT_ALLOWED),
        (came(Came.FROM_TO), Cause.ID_NOT_ALLOWED),
        (came(Came.OTHER_ADDRESS), Cause.OTHER_ADDRESS),
        (came(Came.EXPIRY), Cause.EXPIRY_TOO_BRIEF),
        (came(Came.UNAVAILABLE), Cause.SERVER),
        (came(Came.REDIRECTED), Cause.NONE),
    ],
)
def test_a_device_that_is_not_there_has_one_cause(facts: DeviceFacts, cause: Cause) -> None:
    assert diagnose_device(facts).cause is cause


@pytest.mark.parametrize("cause", list(Came))
def test_whatever_a_register_came_to_is_told(cause: Came) -> None:
    diagnosis = diagnose_device(came(cause))

    assert diagnosis.sentence_en
    assert diagnosis.sentence_zh
    assert diagnosis.evidence


def test_nobody_asked_yet_is_answered_with_what_to_set() -> None:
    told = diagnose_device(ABSENT)

    for fact in (US.server_id, US.domain, US.address, str(US.port), CAMERA):
        assert fact in told.next_step_en
        assert fact in told.next_step_zh
    assert "SIP server ID" in told.next_step_en
    assert "SIP服务器ID" in told.next_step_zh


def test_who_asked_in_vain_is_told_to_whoever_waits_for_a_device_that_never_did() -> None:
    other = "a REGISTER from 192.0.2.9:5060 UDP is for 'DS-2CD', which is no device ID"

    assert other in diagnose_device(replace(ABSENT, others=(other,))).evidence
    assert other not in diagnose_device(replace(ONLINE, others=(other,))).evidence


def test_the_address_that_was_asked_for_is_shown_without_its_password() -> None:
    asked_for = f"sip:{US.server_id}:Geheim1@x"
    told = diagnose_device(came(Came.NOT_ALLOWED, names_us=False, asked_for=asked_for))

    assert f"it asked for sip:{US.server_id}:*******@x, and we are {US.server_id}" in told.evidence


def test_a_device_that_asks_for_another_server_is_told_so() -> None:
    told = diagnose_device(came(Came.CHALLENGE_UNANSWERED, names_us=False))

    assert any(US.server_id in line for line in told.evidence)


def test_an_id_of_eighteen_digits_is_named_as_such() -> None:
    facts = replace(came(Came.NOT_ALLOWED), device_id="340200000013200001")

    assert "has 18 digits" in diagnose_device(facts).sentence_en


@pytest.mark.parametrize(
    ("facts", "cause", "stage"),
    [
        (PLAYING, Cause.NONE, "first_picture"),
        (replace(PLAYING, shows=frozenset({"h265"})), Cause.NONE, "first_picture"),
        (replace(PLAYING, shows=frozenset({"h264"})), Cause.CODEC_NOT_SHOWN, "first_picture"),
        (
            replace(
                PLAYING,
                shows=frozenset({"h264"}),
                media=replace(PLAYING.media, transcoding="h265 to h264"),
            ),
            Cause.NONE,
            "first_picture",
        ),
        (
            replace(PLAYING, media=replace(PLAYING.media, packets=970, lost=31)),
            Cause.LOSS,
            "first_picture",
        ),
        (
            replace(PLAYING, media=replace(PLAYING.media, packets=970, lost=29)),
            Cause.NONE,
            "first_picture",
        ),
        (replace(PLAYING, ended_by="bye_received"), Cause.HUNG_UP, "first_picture"),
        (replace(PLAYING, ended_by="last_viewer_left"), Cause.NONE, "first_picture"),
        (
            replace(PLAY, ended_by="unanswered", stages={"invite_sent": ""}),
            Cause.INVITE_UNANSWERED,
            "invite_sent",
        ),
        (
            replace(PLAY, ended_by="unanswered", stages={"invite_sent": "", "trying": "100"}),
            Cause.INVITE_UNANSWERED,
            "trying",
        ),
        (
            replace(PLAY, ended_by="refused", sip_status=486, stages={"invite_sent": ""}),
            Cause.INVITE_REFUSED,
            "invite_sent",
        ),
        (replace(PLAY, ended_by="refused", error="no port left"), Cause.SERVER, "acknowledged"),
        (replace(PLAY, ended_by="device_lost"), Cause.DEVICE_OFFLINE, "acknowledged"),
        (replace(PLAY, ended_by="stopped"), Cause.NONE, "acknowledged"),
        (replace(PLAY, ended_by="", state="awaiting_media"), Cause.PENDING, "acknowledged"),
        (replace(PLAY, ended_by="", state="inviting", stages={}), Cause.PENDING, None),
        (PLAY, Cause.NO_RTP, "acknowledged"),
        (replace(PLAY, transport="tcp_passive"), Cause.NO_RTP, "acknowledged"),
        (replace(PLAY, stages=HEARD), Cause.RTP_UNUSABLE, "first_packet"),
        (replace(PLAY, stages=MATCHED), Cause.RTP_UNUSABLE, "ssrc_matched"),
        (
            replace(PLAY, stages=PARSED, media=MediaFacts(container="ts")),
            Cause.RTP_UNUSABLE,
            "container_parsed",
        ),
        # A transport stream is read as well: what is in it decides.
        (
            replace(PLAY, stages=PARSED, media=MediaFacts(container="ts", video_codec="h264")),
            Cause.NO_KEY_PICTURE,
            "container_parsed",
        ),
        (
            replace(PLAY, stages=PARSED, media=MediaFacts(container="ts", unsupported=("SVAC",))),
            Cause.CODEC_NOT_SHOWN,
            "container_parsed",
        ),
        (
            replace(PLAY, stages=PARSED, media=MediaFacts(unsupported=("SVAC",))),
            Cause.CODEC_NOT_SHOWN,
            "container_parsed",
        ),
        (
            replace(PLAY, stages=PARSED, media=MediaFacts(packets=100, lost=50)),
            Cause.LOSS,
            "container_parsed",
        ),
        (replace(PLAY, stages=PARSED), Cause.NO_KEY_PICTURE, "container_parsed"),
    ],
)
def test_a_play_stops_at_one_stage_for_one_cause(
    facts: PlayFacts, cause: Cause, stage: str | None
) -> None:
    diagnosis = diagnose_play(facts)

    assert (diagnosis.cause, diagnosis.stage) == (cause, stage)


@pytest.mark.parametrize("status", [400, 403, 404, 408, 480, 486, 487, 488, 500, 503])
def test_each_refusal_has_words_of_its_own(status: int) -> None:
    refused = replace(PLAY, ended_by="refused", sip_status=status, stages={"invite_sent": ""})
    other = replace(refused, sip_status=499)

    assert diagnose_play(refused).next_step_en != diagnose_play(other).next_step_en
    assert str(status) in diagnose_play(refused).sentence_zh


@pytest.mark.parametrize(
    ("media", "words"),
    [
        (MediaFacts(senders=(replace(TAKEN, ssrc=7, is_taken=False),)), "SSRC 0000000007"),
        (MediaFacts(senders=(replace(TAKEN, is_taken=False),)), "not from the device"),
        (MediaFacts(malformed=3), "no RTP"),
    ],
)
def test_what_arrives_in_vain_is_described(media: MediaFacts, words: str) -> None:
    assert words in diagnose_play(replace(PLAY, stages=HEARD, media=media)).sentence_en


def test_a_codec_that_is_not_shown_has_three_ways_out() -> None:
    told = diagnose_play(replace(PLAYING, shows=frozenset({"h264"})))

    assert "H265" in told.sentence_en
    assert told.next_step_en.startswith("Three ways out: ")
    assert told.next_step_zh.startswith("三种办法：")


def test_the_packets_that_came_are_the_evidence() -> None:
    evidence = diagnose_play(PLAYING).evidence

    assert "the device was told 192.0.2.1:30000 over udp, SSRC 0200000001" in evidence
    assert (
        "500 packets, 500000 bytes from 192.0.2.7:15060, SSRC 0200000001, payload type 96"
        in evidence
    )


def test_every_text_is_whole_in_both_languages() -> None:
    for key, text in TEXTS.items():
        assert Cause(key.partition(".")[0])
        for part in text:
            assert part.endswith((".", "。")), part
        facts = [set(re.findall(r"{(\w+)}", part)) for part in text]
        for english, chinese in ((facts[0], facts[1]), (facts[2], facts[3])):
            assert english - {"direction_en"} == chinese - {"direction_zh"}, key
