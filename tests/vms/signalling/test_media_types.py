"""415 for bodies that are none of ours; what looks like MANSCDP is read, whatever it is called."""

from pathlib import Path

import pytest

from tests.vms.signalling.stage import keepalive, registered, stage


async def test_a_call_with_an_unknown_body_is_refused_by_its_type(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        invite = camera.request(
            "INVITE",
            headers=[("Content-Type", "application/unknown"), ("Contact", camera.contact)],
            body=b"pcm from here",
        )
        answer = await camera.ask(invite)

        assert (answer.status, answer["Accept"]) == (415, "application/sdp")


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/unknown", b"\x00\x01", 415),
        ("Application/MANSCDP+xml", b"no XML", 400),
        ("application/unknown", keepalive().encode(), 200),
    ],
)
async def test_a_message_is_judged_by_its_bytes_before_its_type(
    tmp_path: Path, kind: str, body: bytes, status: int
) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        raw = camera.request("MESSAGE", headers=[("Content-Type", kind)], body=body)

        assert (await camera.ask(raw)).status == status
