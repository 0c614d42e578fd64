"""REGISTER on the wire: who gets in, who does not, and what is remembered of it."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.clock import FakeClock
from tests.support.sip_peer import Message, SipPeer, credentials
from tests.support.waiting import until
from tests.vms.signalling.stage import (
    DEVICE,
    OTHER_DEVICE,
    OTHER_HOST,
    device,
    keepalive,
    registered,
    stage,
)
from vms.errors import DeviceOfflineError
from vms.gb28181.version import Edition
from vms.inventory.model import NewDevice, State, Status, WaitingVerdict
from vms.server import Server


def is_online(server: Server, device_id: str = DEVICE) -> bool:
    known = server.inventory.find_device(device_id)
    return known is not None and server.inventory.status(known) is Status.ONLINE


def bound_port(server: Server, device_id: str = DEVICE) -> int:
    binding = server.inventory.device(device_id).binding
    assert binding is not None
    return binding.port


# The challenge


@pytest.mark.parametrize(
    ("version", "algorithms"), [("2.0", ["MD5", "SHA-256"]), ("3.0", ["SHA-256", "MD5"])]
)
async def test_a_challenge_offers_both_hashes_in_an_order_for_the_device(
    tmp_path: Path, version: str, algorithms: list[str]
) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        request = camera.register_request(
            headers=[("User-Agent", "IP Camera"), ("X-GB-Ver", version)]
        )
        answer = await camera.ask(request)

        assert answer.start == "SIP/2.0 401 Unauthorized"
        assert answer["X-GB-Ver"] == "3.0"
        patterns = [
            rf'Digest realm="3402000000", nonce="[\w-]{{32}}", algorithm={name}'
            for name in algorithms
        ]
        challenges = answer.all("WWW-Authenticate")
        assert all(map(re.fullmatch, patterns, challenges)), challenges
        assert len(challenges) == 2


def shortest_register(camera: SipPeer) -> bytes:
    """What RFC 3261, 8.1.1 demands, in the compact forms, and nothing more."""
    lines = [
        "REGISTER sip:a SIP/2.0",
        f"v:SIP/2.0/{camera.transport} a;branch=z9hG4bK7",
        f"f:<sip:{DEVICE}@a>;tag=7",
        f"t:<sip:{DEVICE}@a>",
        "i:7",
        "CSeq:1 REGISTER",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def test_a_challenge_is_at_most_six_tenths_longer_than_its_request(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        full = camera.register_request(headers=[("X-GB-Ver", "3.0")])
        for request in (full, camera.register_request(expires=None, with_contact=False)):
            answer = await camera.ask(request)

            assert answer.status == 401
            assert len(answer.raw) <= 1.6 * len(request)


async def test_what_is_too_short_to_be_a_devices_is_no_ones_lever(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        camera.send(shortest_register(camera))
        await camera.challenge()

        assert server.endpoint.stats.strangers_unanswered == 1
        assert camera.responses == []


async def test_over_tcp_the_same_request_is_answered(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server, transport="TCP") as camera:
        camera.send(shortest_register(camera))
        await until(lambda: bool(camera.responses))

        [answer] = camera.responses
        assert answer.status == 401
        assert len(answer.all("WWW-Authenticate")) == 2


# The 200


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_the_right_digest_opens(tmp_path: Path, algorithm: str) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        answer = await camera.register(algorithm=algorithm, headers=[("X-GB-Ver", "2.0")])

        assert answer.start == "SIP/2.0 200 OK"
        assert answer["Contact"] == camera.contact
        assert answer["Expires"] == "3600"
        assert answer["X-GB-Ver"] == "3.0"
        assert f"rport={camera.port};received=127.0.0.1" in answer["Via"]
        assert is_online(server)
        assert server.inventory.device(DEVICE).edition is Edition.E2016


async def test_the_date_is_beijing_time_without_a_zone(tmp_path: Path) -> None:
    async with stage(tmp_path, FakeClock()) as server, device(server) as camera:
        assert (await camera.register())["Date"] == "2026-03-02T12:00:00.000"


async def test_a_device_that_names_no_expiry_gets_an_hour(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        assert (await camera.register(expires=None))["Expires"] == "3600"


async def test_an_expiry_too_brief_is_refused_with_the_least(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        answer = await camera.register(expires=30)

        assert (answer.status, answer["Min-Expires"]) == (423, "60")
        assert server.inventory.find_device(DEVICE) is None


async def test_an_expiry_beyond_a_week_becomes_a_week(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        assert (await camera.register(expires=10_000_000))["Expires"] == "604800"


async def test_a_device_without_contact_is_reached_where_it_spoke(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        answer = await camera.register(with_contact=False)

        assert answer.status == 200
        assert "Contact" not in answer
        await server.link.query_catalog(DEVICE)
        assert (await camera.asked("MESSAGE", "Catalog")).element("DeviceID") == DEVICE


async def test_a_repeated_register_is_answered_again_and_performed_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        request = camera.register_request(camera.authorization(await camera.challenge()))
        first = await camera.ask(request)

        second = await camera.ask(request)

        assert second.raw == first.raw
        assert server.registrar.results["accepted"] == 1
        assert server.endpoint.stats.repeats_absorbed == 1


async def test_without_digest_a_device_gets_in_where_the_settings_say_so(tmp_path: Path) -> None:
    async with (
        stage(tmp_path, sip__require_digest="false") as server,
        device(server) as camera,
    ):
        assert (await camera.ask(camera.register_request())).status == 200


# What a nonce is worth


def is_stale(answer: Message) -> bool:
    assert answer.status == 401, answer.start
    return all("stale=true" in challenge for challenge in answer.all("WWW-Authenticate"))


async def test_a_register_that_was_listened_to_cannot_be_replayed(tmp_path: Path) -> None:
    async with (
        stage(tmp_path) as server,
        device(server) as camera,
        device(server, host=OTHER_HOST) as thief,
    ):
        authorization = camera.authorization(await camera.challenge())
        assert (await camera.ask(camera.register_request(authorization))).status == 200
        thief.call_id = camera.call_id

        for expires in (3600, 0):
            answer = await thief.ask(thief.register_request(authorization, expires=expires))
            assert is_stale(answer)

        assert is_online(server)
        assert bound_port(server) == camera.port


async def test_a_nonce_may_be_answered_from_another_address(tmp_path: Path) -> None:
    async with (
        stage(tmp_path) as server,
        device(server) as before,
        device(server, host=OTHER_HOST) as after,
    ):
        challenged = await before.challenge()

        request = after.register_request(after.authorization(challenged))

        assert (await after.ask(request)).status == 200


async def test_a_nonce_lives_five_minutes(tmp_path: Path) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, device(server) as camera:
        challenged = await camera.challenge()
        clock.advance(301)

        answer = await camera.ask(camera.register_request(camera.authorization(challenged)))

        assert is_stale(answer)
        request = camera.register_request(camera.authorization(answer))
        assert (await camera.ask(request)).status == 200


async def test_a_nonce_of_ones_own_making_is_worth_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        made = {"realm": "3402000000", "nonce": "44010b73623249f6916a6acf7c316b8e"}
        authorization = credentials(made, DEVICE, camera.password, camera.server_uri)

        answer = await camera.ask(camera.register_request(authorization))

        assert not is_stale(answer)
        assert server.inventory.find_device(DEVICE) is None


async def test_a_nonce_made_for_another_device_is_worth_nothing(tmp_path: Path) -> None:
    async with (
        stage(tmp_path) as server,
        device(server) as camera,
        device(server, OTHER_DEVICE) as other,
    ):
        challenged = await other.challenge()

        answer = await camera.ask(camera.register_request(camera.authorization(challenged)))

        assert not is_stale(answer)


async def test_a_nonce_of_before_a_restart_is_stale_and_the_next_one_is_good(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, device(server) as camera:
        challenged = await camera.challenge()
    clock.advance(0.1)
    async with stage(tmp_path, clock) as server, device(server) as camera:
        answer = await camera.ask(camera.register_request(camera.authorization(challenged)))

        assert is_stale(answer)
        request = camera.register_request(camera.authorization(answer))
        assert (await camera.ask(request)).status == 200


async def test_a_nonce_count_has_to_rise(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        challenged = await camera.challenge()

        async def answer(nonce_count: int) -> Message:
            authorization = camera.authorization(challenged, nonce_count=nonce_count)
            return await camera.ask(camera.register_request(authorization))

        assert (await answer(1)).status == 200
        assert is_stale(await answer(1))
        assert (await answer(2)).status == 200
        assert is_stale(await answer(1))


# Every REGISTER proves itself


async def test_neither_refresh_nor_unregistering_goes_without_digest(tmp_path: Path) -> None:
    async with (
        stage(tmp_path) as server,
        registered(server) as camera,
        device(server, host=OTHER_HOST) as thief,
    ):
        thief.call_id = camera.call_id

        for unproven in (camera, thief):
            for expires in (3600, 0):
                answer = await unproven.ask(unproven.register_request(expires=expires))
                assert answer.status == 401

        assert is_online(server)
        assert bound_port(server) == camera.port


async def test_a_refresh_moves_the_device_to_where_it_speaks(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        await camera.reopen()

        assert (await camera.register()).status == 200

        assert bound_port(server) == camera.port


async def test_unregistering_with_digest_is_offline_at_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        answer = await camera.register(expires=0)

        assert (answer.status, answer["Expires"], answer["X-GB-Ver"]) == (200, "0", "3.0")
        assert "Date" in answer
        assert server.inventory.device(DEVICE).state is State.OFFLINE
        assert (await camera.tell(keepalive())).status == 403


async def test_a_wrong_password_is_refused_for_good(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server, password="wrong") as camera:
        answer = await camera.register()

        assert answer.status == 403
        assert "Retry-After" not in answer
        assert answer["X-GB-Ver"] == "3.0"
        assert server.inventory.find_device(DEVICE) is None


# Who is who


async def test_from_to_and_user_name_are_one_device(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        other = await camera.challenge()
        for request in (
            camera.register_request(camera.authorization(other, username=OTHER_DEVICE)),
            camera.register_request(camera.authorization(other), to_id=OTHER_DEVICE),
            camera.register_request(
                camera.authorization(other, username=DEVICE), from_id=OTHER_DEVICE
            ),
        ):
            assert (await camera.ask(request)).status == 403

        assert server.inventory.find_device(OTHER_DEVICE) is None
        assert server.registrar.results["identity"] == 3


async def test_the_secret_of_one_device_opens_no_other(tmp_path: Path) -> None:
    async with stage(tmp_path, sip__admission="listed") as server:
        for device_id, secret in ((DEVICE, "secret one"), (OTHER_DEVICE, "secret two")):
            await server.inventory.add_device(NewDevice(device_id, secret=secret))
        async with device(server, OTHER_DEVICE, password="secret one") as thief:
            assert (await thief.register()).status == 403
        async with device(server, OTHER_DEVICE, password="secret two") as owner:
            assert (await owner.register()).status == 200


async def test_a_name_that_is_no_id_is_a_bad_request(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        answer = await camera.ask(camera.register_request(from_id="camera"))

        assert answer.status == 400
        assert answer["X-GB-Ver"] == "3.0"


async def test_an_unknown_device_waits_in_one_row(tmp_path: Path) -> None:
    async with (
        stage(tmp_path, sip__admission="approve") as server,
        device(server) as camera,
    ):
        for _ in range(2):
            answer = await camera.register()
            assert answer.status == 403
            assert "Retry-After" not in answer

        [row] = server.inventory.waiting()
        assert (row.device_id, row.verdict, row.attempts) == (DEVICE, WaitingVerdict.RIGHT, 2)
        assert (row.source_host, row.source_port) == ("127.0.0.1", camera.port)
        assert server.inventory.find_device(DEVICE) is None


async def test_what_a_waiting_device_knows_cannot_be_judged_without_a_shared_password(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, sip__admission="approve", sip__shared_password="") as server:
        async with device(server, password="its own") as camera:
            assert (await camera.register()).status == 403

        assert server.inventory.waiting()[0].verdict is WaitingVerdict.UNKNOWABLE


async def test_only_listed_devices_get_in_where_the_settings_say_so(tmp_path: Path) -> None:
    async with (
        stage(tmp_path, sip__admission="listed") as server,
        device(server) as camera,
    ):
        assert (await camera.ask(camera.register_request())).status == 403
        assert server.inventory.waiting() == []


async def test_a_second_unit_with_the_same_id_is_shown_and_refused(tmp_path: Path) -> None:
    async with (
        stage(tmp_path) as server,
        registered(server) as camera,
        device(server, host=OTHER_HOST) as double,
    ):
        assert (await double.register()).status == 403

        assert bound_port(server) == camera.port
        [double_id] = server.inventory.duplicates()
        assert [row.source_host for row in double_id.refused] == [OTHER_HOST]
        assert server.inventory.waiting() == []
        assert server.inventory.device(DEVICE).tolerances["second_unit"] == 1


# TCP


async def test_a_closed_connection_is_no_road_any_more(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server, transport="TCP") as camera:
        assert server.endpoint.stats.connections == 1

        await camera.close()

        await until(lambda: server.endpoint.stats.connections == 0)
        with pytest.raises(DeviceOfflineError, match=f"no way to {DEVICE}"):
            await server.link.query_catalog(DEVICE)


# What cannot be stored is not acknowledged


async def test_nothing_is_acknowledged_while_the_database_is_locked(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        authorization = camera.authorization(await camera.challenge())
        with closing(sqlite3.connect(tmp_path / "vms.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")

            answer = await camera.ask(camera.register_request(authorization))

            assert answer.status == 503
            assert 5 <= int(answer["Retry-After"]) <= 60
            assert answer["X-GB-Ver"] == "3.0"
            assert server.inventory.find_device(DEVICE) is None
            assert (await camera.tell(keepalive())).status == 403
            other.execute("ROLLBACK")

        assert (await camera.register()).status == 200
        assert is_online(server)


@pytest.mark.parametrize("headers", [(), [("Supported", "path")]], ids=["usual", "unusual"])
async def test_the_copy_of_an_unregister_gets_the_same_answer_though_it_is_a_strangers_by_then(
    tmp_path: Path, headers: list[tuple[str, str]]
) -> None:
    # given a device that is the only one on its host, and its 200 to Expires 0 was lost
    async with stage(tmp_path) as server, registered(server) as peer:
        authorization = peer.authorization(await peer.challenge())
        raw = peer.register_request(authorization, expires=0, headers=headers)
        assert (await peer.ask(raw)).status == 200

        # when it asks again, with the same bytes
        repeated = await peer.ask(raw)

        # then it is not challenged: to RFC 3261 it is the same request
        assert repeated.status == 200
