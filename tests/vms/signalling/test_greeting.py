"""What a device is asked when it comes, and when it comes again."""

from pathlib import Path

import pytest

from tests.support.clock import FakeClock
from tests.support.sip_peer import SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import DEVICE, alarm, catalogue, channel_id, registered, stage
from vms.server import Server
from vms.signalling.greeter import Pace


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.signalling.greeter.GREETING_DELAY_S", 0.0)
    monkeypatch.setattr("vms.signalling.greeter.AGAIN_AFTER_S", 6.0)


async def introduces_itself(server: Server, camera: SipPeer, manufacturer: str = "Acme") -> None:
    """Answers both questions of a greeting, with a channel more each time."""
    number = server.inventory.channel_counts(DEVICE)[0] + 1
    sn = (await camera.asked("MESSAGE", "DeviceInfo")).element("SN")
    await camera.tell(
        f"<Response><CmdType>DeviceInfo</CmdType><SN>{sn}</SN><DeviceID>{DEVICE}</DeviceID>"
        f"<Result>OK</Result><Manufacturer>{manufacturer}</Manufacturer></Response>"
    )
    sn = (await camera.asked("MESSAGE", "Catalog")).element("SN")
    await camera.tell(catalogue(sn, number, *map(channel_id, range(1, number + 1))))
    await until(lambda: server.inventory.channel_counts(DEVICE)[0] == number)


async def test_a_device_that_answers_is_asked_for_the_time_of_day(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        await introduces_itself(server, camera)
        sn = (await camera.asked("MESSAGE", "DeviceStatus")).element("SN")
        await camera.tell(
            f"<Response><CmdType>DeviceStatus</CmdType><SN>{sn}</SN><DeviceID>{DEVICE}</DeviceID>"
            "<Result>OK</Result><Online>ONLINE</Online><Status>OK</Status>"
            "<DeviceTime>2024-05-01T16:00:00</DeviceTime></Response>"
        )

        await until(lambda: server.inventory.device(DEVICE).clock_offset_s is not None)


async def test_a_device_is_armed_when_it_comes_where_a_person_said_so(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        await server.inventory.patch_device(DEVICE, {"profile_fields": {"auto_guard": True}})

        await introduces_itself(server, camera)

        order = await camera.asked("MESSAGE", "DeviceControl")

        assert order.element("GuardCmd") == "SetGuard"
        assert order.element("DeviceID") == DEVICE


async def test_a_device_that_was_switched_on_anew_is_asked_again(tmp_path: Path) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, registered(server) as camera:
        await introduces_itself(server, camera)
        clock.advance(6)
        camera.call_id = "another@127.0.0.1"

        await camera.register()

        await introduces_itself(server, camera)


async def test_one_that_always_changes_its_call_id_is_asked_less_and_less(tmp_path: Path) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, registered(server) as camera:
        await introduces_itself(server, camera)
        clock.advance(6)
        camera.call_id = "1@127.0.0.1"
        await camera.register()
        await introduces_itself(server, camera)

        clock.advance(6)
        camera.call_id = "2@127.0.0.1"
        await camera.register()
        clock.advance(6)
        camera.call_id = "3@127.0.0.1"
        await camera.register()

        await introduces_itself(server, camera)
        left = [each for each in camera.requests if each.element("CmdType") == "DeviceInfo"]
        assert left == []


async def test_an_alarm_from_the_future_proves_a_clock_that_is_ahead(tmp_path: Path) -> None:
    async with stage(tmp_path, FakeClock()) as server, registered(server) as camera:
        ahead = alarm(DEVICE).replace("2024-05-01T16:23:32", "2026-03-02T13:00:00")

        assert (await camera.tell(ahead)).status == 200

        assert server.inventory.device(DEVICE).clock_offset_s == 3600.5


async def test_one_from_the_past_proves_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, FakeClock()) as server, registered(server) as camera:
        assert (await camera.tell(alarm(DEVICE))).status == 200

        assert server.inventory.device(DEVICE).clock_offset_s is None


async def test_no_date_is_sent_to_devices_whose_clock_somebody_else_sets(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        await server.inventory.patch_device(DEVICE, {"profile_fields": {"send_date": False}})

        answer = await camera.register()

        assert answer.status == 200
        assert "Date" not in answer


def test_a_few_do_not_wait_and_the_rest_of_a_storm_goes_in_groups() -> None:
    pace = Pace(per_s=4, at_once=2, together_s=0.5)

    assert [pace.wait_s(100.0) for _ in range(7)] == [0.0, 0.0, 0.5, 0.5, 1.0, 1.0, 1.5]
    assert pace.wait_s(101.25) == 0.25
    assert [pace.wait_s(200.0) for _ in range(4)] == [0.0, 0.0, 0.5, 0.5]
