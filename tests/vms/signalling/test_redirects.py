"""302: devices that ask here and are at home elsewhere (GB/T 28181-2022, 9.1.2.3)."""

from pathlib import Path

from tests.vms.signalling.stage import DEVICE, OTHER_DEVICE, device, registered, stage
from vms.inventory.model import NewDevice
from vms.signalling.redirects import Redirects
from vms.signalling.registration_history import Cause

ELSEWHERE = "sip:34020000002000000002@192.0.2.6:5060"
MISTYPED = "mistyped"
BEYOND = "sip:34020000002000000003@192.0.2.7:5060"


def table(target: str = ELSEWHERE, devices: str = DEVICE) -> str:
    return f'{{"{devices}": "{target}"}}'


def test_the_longest_run_of_digits_that_fits_decides() -> None:
    redirects = Redirects({"34": ELSEWHERE, DEVICE: BEYOND, "3402000000118000000299": BEYOND})

    assert redirects.target_of(DEVICE) == BEYOND
    assert redirects.target_of(OTHER_DEVICE) == ELSEWHERE


async def test_a_device_with_the_right_digest_is_sent_on_and_not_registered(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, sip__redirects=table()) as server, device(server) as camera:
        answer = await camera.register()

        assert answer.start == "SIP/2.0 302 Moved Temporarily"
        assert answer["Contact"] == f"<{ELSEWHERE}>"
        assert answer["Expires"] == "3600"
        assert answer["X-GB-Ver"] == "3.0"
        assert server.inventory.find_device(DEVICE) is None
        attempt = server.registrar.history.of(DEVICE)
        assert attempt is not None
        assert attempt.cause is Cause.REDIRECTED


async def test_a_wrong_digest_learns_nothing_of_the_other_server(tmp_path: Path) -> None:
    async with stage(tmp_path, sip__redirects=table()) as server, device(server) as camera:
        camera.password = MISTYPED

        answer = await camera.register()

        assert answer.status == 403
        assert "Contact" not in answer


async def test_without_a_password_to_judge_by_a_device_is_sent_on_unchallenged(
    tmp_path: Path,
) -> None:
    async with (
        stage(
            tmp_path, sip__redirects=table(), sip__admission="listed", sip__shared_password=""
        ) as server,
        device(server) as camera,
    ):
        answer = await camera.ask(camera.register_request())

        assert answer.status == 302


async def test_others_register_here(tmp_path: Path) -> None:
    async with (
        stage(tmp_path, sip__redirects=table()) as server,
        device(server, OTHER_DEVICE) as camera,
    ):
        assert (await camera.register()).status == 200


async def test_a_device_that_was_registered_here_leaves(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server):
        pass
    async with stage(tmp_path, sip__redirects=table()) as server, device(server) as camera:
        assert server.inventory.device(DEVICE).binding is not None

        assert (await camera.register()).status == 302

        assert server.inventory.device(DEVICE).binding is None


async def test_a_device_on_file_is_judged_by_its_own_password(tmp_path: Path) -> None:
    async with (
        stage(tmp_path, sip__redirects=table(), sip__shared_password="") as server,
        device(server) as camera,
    ):
        await server.inventory.add_device(NewDevice(DEVICE, secret=camera.password))

        assert (await camera.register()).status == 302
