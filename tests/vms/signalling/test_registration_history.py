"""Why a device does not come: what is remembered of its last REGISTER, and who is told."""

from datetime import timedelta
from pathlib import Path

import pytest

from sip.message import Address, Flow
from tests.support.clock import MIDDAY, FakeClock
from tests.support.sip_peer import SipPeer
from tests.vms.signalling.stage import (
    DEVICE,
    OTHER_DEVICE,
    OTHER_HOST,
    device,
    registered,
    stage,
)
from vms.events import RegistrationFailed
from vms.gb28181.ids import DeviceId
from vms.inventory.model import NewDevice
from vms.server import Server
from vms.signalling import registration_history
from vms.signalling.registration_history import Attempt, Cause, RegistrationHistory

MISTYPED = "mistyped"


def last(server: Server, device_id: str = DEVICE) -> Attempt:
    attempt = server.registrar.history.of(device_id)
    assert attempt is not None
    return attempt


async def put_on_file(server: Server, camera: SipPeer) -> None:
    await server.inventory.add_device(NewDevice(DEVICE, secret=camera.password))


async def failures(server: Server) -> list[RegistrationFailed]:
    count = server.events.last_number
    with server.events.subscribe(count + 1, 0) as subscription:
        events = [(await subscription.next()).event for _ in range(count)]
    return [event for event in events if isinstance(event, RegistrationFailed)]


async def test_a_wrong_password_is_told_once_with_device_source_and_cause(tmp_path: Path) -> None:
    async with stage(tmp_path, FakeClock()) as server, device(server) as camera:
        await put_on_file(server, camera)
        camera.password = MISTYPED

        assert (await camera.register()).status == 403
        assert (await camera.register()).status == 403

        source = f"127.0.0.1:{camera.port} UDP"
        assert await failures(server) == [
            RegistrationFailed(DEVICE, MIDDAY, source, "wrong_password")
        ]
        attempt = last(server)
        assert (attempt.cause, attempt.source) == (Cause.WRONG_PASSWORD, source)
        assert attempt.asked_for == "sip:34020000002000000001@3402000000"
        assert attempt.names_us


async def test_after_a_minute_it_is_told_again(tmp_path: Path) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, device(server) as camera:
        await put_on_file(server, camera)
        camera.password = MISTYPED

        await camera.register()
        clock.advance(60)
        await camera.register()

        assert len(await failures(server)) == 2


async def test_of_strangers_no_event_is_made(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        camera.password = MISTYPED

        await camera.register()

        assert await failures(server) == []
        assert last(server).cause is Cause.WRONG_PASSWORD
        assert [each.device_id for each in server.registrar.history.strangers()] == [DEVICE]


async def test_whoever_waits_for_a_device_learns_who_else_asked(tmp_path: Path) -> None:
    async with stage(tmp_path, FakeClock()) as server, device(server) as camera:
        camera.password = MISTYPED
        await camera.register()
        for name in ("DS-2CD2T47", "DS-2CD2T47"):
            assert (await camera.ask(camera.register_request(from_id=name))).status == 400

        source, at = f"{camera.host}:{camera.port} UDP", MIDDAY.isoformat()
        assert server.explainer.device(OTHER_DEVICE).evidence == (
            f"a REGISTER {at} from {source} is for 'DS-2CD2T47', which is no device ID",
            f"a REGISTER {at} from {source} is for {DEVICE}",
        )


def test_names_that_are_none_take_bounded_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration_history, "NAMELESS_KEPT", 2)
    history = RegistrationHistory()
    road = Flow("UDP", Address("192.0.2.9", 5060), Address("192.0.2.1", 5060))

    for name in ("one", "two", "three", "four"):
        history.note_nameless(name, road, MIDDAY)

    assert [line.split("'")[1] for line in history.others()] == ["four", "three"]


async def test_a_user_name_that_is_not_the_one_on_file_is_told_apart(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        await put_on_file(server, camera)
        challenged = await camera.challenge()

        authorization = camera.authorization(challenged, username="admin")
        answer = await camera.ask(camera.register_request(authorization))

        assert answer.status == 403
        assert last(server).cause is Cause.USERNAME


async def test_from_and_to_that_differ_are_told_apart(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        answer = await camera.ask(camera.register_request(to_id=OTHER_DEVICE))

        assert answer.status == 403
        assert last(server).cause is Cause.FROM_TO


async def test_credentials_for_another_domain_are_told_apart(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        await put_on_file(server, camera)
        authorization = camera.authorization(await camera.challenge())
        elsewhere = authorization.replace('realm="3402000000"', 'realm="64010000"')

        assert (await camera.ask(camera.register_request(elsewhere))).status == 401

        assert last(server).cause is Cause.REALM
        assert [event.why for event in await failures(server)] == ["realm"]


async def test_a_device_that_never_brings_credentials_is_told_apart(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        await put_on_file(server, camera)

        for _ in range(2):
            await camera.challenge()
            assert last(server).cause is Cause.CHALLENGED
        await camera.challenge()

        attempt = last(server)
        assert (attempt.cause, attempt.count) == (Cause.CHALLENGE_UNANSWERED, 3)


async def test_a_device_that_keeps_its_old_nonce_is_told_apart(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        authorization = camera.authorization(await camera.challenge())
        assert (await camera.ask(camera.register_request(authorization))).status == 200

        for _ in range(3):
            assert (await camera.ask(camera.register_request(authorization))).status == 401

        attempt = last(server)
        assert attempt.cause is Cause.STALE_LOOP
        assert attempt.accepted_at is not None


async def test_an_id_that_is_alive_elsewhere_is_told_apart(tmp_path: Path) -> None:
    async with (
        stage(tmp_path) as server,
        registered(server),
        device(server, host=OTHER_HOST) as second,
    ):
        assert (await second.register()).status == 403

        attempt = last(server)
        assert attempt.cause is Cause.OTHER_ADDRESS
        assert attempt.source.startswith(f"{OTHER_HOST}:")


async def test_an_id_that_is_not_allowed_is_told_apart(tmp_path: Path) -> None:
    async with stage(tmp_path, sip__admission="listed") as server, device(server) as camera:
        await camera.ask(camera.register_request())

        assert last(server).cause is Cause.NOT_ALLOWED


async def test_a_device_that_means_another_server_is_marked(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        camera.server_id = "34020000002000000777"

        assert (await camera.register()).status == 200

        attempt = last(server)
        assert attempt.cause is Cause.ACCEPTED
        assert not attempt.names_us


def noted(history: RegistrationHistory, number: int, *, is_on_file: bool) -> Attempt:
    return history.note(
        DeviceId(str(number)),
        Cause.WAITS,
        is_on_file=is_on_file,
        flow=Flow("UDP", Address("192.0.2.9", 5060), Address("192.0.2.1", 5060)),
        at=MIDDAY + timedelta(seconds=number),
        asked_for="sip:34020000002000000001@3402000000",
        names_us=True,
    )


def test_strangers_push_no_device_on_file_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration_history, "STRANGERS_KEPT", 2)
    history = RegistrationHistory()

    noted(history, 1, is_on_file=True)
    for number in range(2, 6):
        noted(history, number, is_on_file=False)

    assert history.of("1") is not None
    assert [each.device_id for each in history.strangers()] == ["5", "4"]


# Storms


async def test_a_storm_of_one_device_is_answered_and_stored_once_in_five_seconds(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, device(server) as camera:
        for call_id in ("a@h", "b@h", "c@h"):
            camera.call_id = call_id
            answer = await camera.register()
            assert (answer.status, answer["Expires"]) == (200, "3600")

        assert server.registrar.results["accepted"] == 1
        assert server.registrar.results["repeated"] == 2
        clock.advance(5)
        assert (await camera.register()).status == 200
        assert server.registrar.results["accepted"] == 2


async def test_a_device_that_moved_is_stored_at_once(tmp_path: Path) -> None:
    async with stage(tmp_path, FakeClock()) as server, registered(server) as camera:
        await camera.reopen()

        assert (await camera.register()).status == 200

        binding = server.inventory.device(DEVICE).binding
        assert binding is not None
        assert binding.port == camera.port


async def test_a_device_that_unregistered_is_stored_at_once(tmp_path: Path) -> None:
    async with stage(tmp_path, FakeClock()) as server, registered(server) as camera:
        assert (await camera.register(expires=0)).status == 200

        assert (await camera.register()).status == 200

        assert server.inventory.device(DEVICE).binding is not None
