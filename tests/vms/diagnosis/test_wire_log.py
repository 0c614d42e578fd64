"""The SIP trace: what is kept, what gives way, and whose messages are whose."""

import asyncio

import pytest

from sip.message import Address, Flow
from tests.support.clock import FakeClock
from vms.diagnosis import wire_log
from vms.diagnosis.wire_log import CallFilter, DeviceFilter, Wire, WireLog, shown
from vms.errors import ExhaustedError

SERVER = "34020000002000000001"
CAMERA = "34020000001320000001"
OTHER = "34020000001320000002"
CHANNEL = "34020000001310000001"
HERE = Address("192.0.2.1", 5060)
ROAD = Flow("UDP", HERE, Address("192.0.2.7", 5060))
OTHER_ROAD = Flow("UDP", HERE, Address("192.0.2.8", 5060))


def request(
    method: str, *, of: str = CAMERA, to: str = SERVER, call_id: str = "1@192.0.2.7", body: str = ""
) -> bytes:
    return (
        f"{method} sip:{to}@3402000000 SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK1371463273\r\n"
        f"From: <sip:{of}@3402000000>;tag=2043466181\r\n"
        f"To: <sip:{to}@3402000000>\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 20 {method}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def answer(status: str = "200 OK", method: str = "MESSAGE", call_id: str = "1@192.0.2.7") -> bytes:
    return (
        f"SIP/2.0 {status}\r\nFrom: <sip:{CAMERA}@3402000000>;tag=2043466181\r\n"
        f"To: <sip:{CAMERA}@3402000000>;tag=1\r\nCall-ID: {call_id}\r\nCSeq: 20 {method}\r\n\r\n"
    ).encode()


def keepalive(of: str = CAMERA) -> bytes:
    body = f"<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>{of}</DeviceID></Notify>"
    return request("MESSAGE", of=of, body=body)


def log_of(clock: FakeClock | None = None, *, is_known: bool = True) -> WireLog:
    return WireLog(clock or FakeClock(), lambda _flow: is_known)


def starts(wires: list[Wire]) -> list[str]:
    return [wire.data.decode().partition("\r\n")[0] for wire in wires]


def test_messages_are_kept_in_order_with_their_direction() -> None:
    log = log_of()

    log.note(request("REGISTER"), ROAD, False)
    log.note(answer(method="REGISTER"), ROAD, True)

    assert [(wire.number, wire.is_sent) for wire in log.wires()] == [(1, False), (2, True)]
    assert [wire.number for wire in log.wires(after=1)] == [2]


def test_answered_keepalives_are_left_out() -> None:
    log = log_of()

    for _ in range(1000):
        log.note(keepalive(), ROAD, False)
        log.note(answer(), ROAD, True)

    assert list(log.wires()) == []
    assert log.keepalives_left_out == 1000


def test_a_keepalive_that_is_refused_is_kept_with_its_refusal() -> None:
    log = log_of()

    log.note(keepalive(), ROAD, False)
    log.note(answer("403 Forbidden"), ROAD, True)

    assert len(list(log.wires())) == 2


def test_a_keepalive_without_an_answer_is_kept() -> None:
    log = log_of()

    log.note(keepalive(), ROAD, False)
    log.note(keepalive(OTHER), OTHER_ROAD, False)
    log.note(answer(), OTHER_ROAD, True)

    assert [wire.flow for wire in log.wires()] == [ROAD]


def test_keepalives_of_a_watched_device_are_kept_for_so_long() -> None:
    clock = FakeClock()
    log = log_of(clock)
    log.watch(CAMERA, 60)

    for device_id, road in ((CAMERA, ROAD), (OTHER, OTHER_ROAD)):
        log.note(keepalive(device_id), road, False)
        log.note(answer(), road, True)
    assert [wire.flow for wire in log.wires()] == [ROAD, ROAD]

    clock.advance(60)
    log.note(keepalive(), ROAD, False)
    log.note(answer(), ROAD, True)
    assert len(list(log.wires())) == 2


def test_so_many_devices_are_watched_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_log, "MAX_WATCHED", 1)
    log = log_of()
    log.watch(CAMERA, 60)
    log.watch(CAMERA, 60)

    with pytest.raises(ExhaustedError):
        log.watch(OTHER, 60)
    log.unwatch(CAMERA)
    log.watch(OTHER, 60)


def test_nobody_is_watched_for_more_than_an_hour() -> None:
    clock = FakeClock()

    until = log_of(clock).watch(CAMERA, 1e9)

    assert (until - clock.wall()).total_seconds() == 3600


def test_the_oldest_give_way_and_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_log, "KEPT_MESSAGES", 3)
    log = log_of()

    for _ in range(5):
        log.note(request("REGISTER"), ROAD, False)

    assert [wire.number for wire in log.wires()] == [3, 4, 5]
    assert (log.first_number, log.last_number) == (3, 5)


def test_bytes_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_log, "KEPT_BYTES", 10_000)
    log = log_of()

    for _ in range(100):
        log.note(b"x" * 1000, ROAD, False)

    assert sum(len(wire.data) for wire in log.wires()) <= 10_000


def test_a_scanner_does_not_wash_out_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_log, "STRANGER_MESSAGES", 10)
    log = WireLog(FakeClock(), lambda flow: flow == ROAD)
    log.note(request("REGISTER"), ROAD, False)

    for _ in range(100_000):
        log.note(b"OPTIONS sip:nobody@192.0.2.1 SIP/2.0\r\n\r\n", OTHER_ROAD, False)

    assert starts(list(log.wires()))[0].startswith("REGISTER")
    assert len(list(log.wires())) == 11


def test_of_a_long_message_the_beginning_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_log, "LONGEST_MESSAGE_BYTES", 10)
    log = log_of()

    log.note(b"x" * 50, ROAD, False)

    assert [(wire.data, wire.size) for wire in log.wires()] == [(b"x" * 10, 50)]


def test_a_device_sees_its_own_messages_and_those_of_its_channels() -> None:
    log = log_of()
    log.note(request("REGISTER"), ROAD, False)
    log.note(request("REGISTER", of=OTHER), OTHER_ROAD, False)
    log.note(request("INVITE", of=SERVER, to=CHANNEL, call_id="play"), ROAD, True)
    log.note(request("INVITE", of=SERVER, to=CHANNEL, call_id="other"), OTHER_ROAD, True)
    log.note(b"SIP/2.0 200 OK\r\nCall-ID: play\r\nCSeq: 1 INVITE\r\n\r\n", ROAD, False)

    kept = DeviceFilter(CAMERA, {CHANNEL}.__contains__, ())
    own = [wire.number for wire in log.wires() if kept(wire)]

    assert own == [1, 3, 5]


def test_who_is_followed_for_ever_takes_no_more_memory_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire_log, "MOST_REMEMBERED", 3)
    kept = DeviceFilter(CAMERA, {CHANNEL}.__contains__, [ROAD.remote])

    def is_kept(data: bytes, port: int) -> bool:
        flow = ROAD._replace(remote=Address("192.0.2.7", port))
        return kept(Wire(1, 0.0, False, flow, data, len(data)))

    for number in range(10):
        assert is_kept(request("REGISTER", call_id=f"call-{number}"), 6000 + number)

    answered = b"SIP/2.0 200 OK\r\nCall-ID: %b\r\nCSeq: 1 REGISTER\r\n\r\n"
    assert is_kept(answered % b"call-9", 6009)
    assert not is_kept(answered % b"call-1", 6009)
    assert not is_kept(answered % b"call-9", 6001)


def test_a_device_in_another_s_body_is_not_its_sender() -> None:
    log = log_of()
    catalog = f"<Response><Item><DeviceID>{CAMERA}</DeviceID></Item></Response>"
    log.note(request("MESSAGE", of=OTHER, body=catalog), OTHER_ROAD, False)

    kept = DeviceFilter(CAMERA, {CHANNEL}.__contains__, [ROAD.remote])

    assert not any(kept(wire) for wire in log.wires())


def test_a_channel_is_found_on_the_road_that_is_known_from_the_binding() -> None:
    log = log_of()
    log.note(request("INVITE", of=SERVER, to=CHANNEL, call_id="play"), ROAD, True)

    kept = DeviceFilter(CAMERA, {CHANNEL}.__contains__, [ROAD.remote])

    assert [wire.number for wire in log.wires() if kept(wire)] == [1]


def test_a_call_is_found_by_its_call_id() -> None:
    log = log_of()
    log.note(request("INVITE", of=SERVER, to=CHANNEL, call_id="play"), ROAD, True)
    log.note(request("INVITE", of=SERVER, to=CHANNEL, call_id="play-2"), ROAD, True)

    kept = CallFilter({"play"})

    assert [wire.number for wire in log.wires() if kept(wire)] == [1]


async def test_a_reader_waits_for_what_comes() -> None:
    log = log_of()
    waiting = asyncio.create_task(log.wait(0))
    await asyncio.sleep(0)
    assert not waiting.done()

    log.note(request("REGISTER"), ROAD, False)

    await waiting


def test_a_message_is_shown_without_its_secrets() -> None:
    clock = FakeClock()
    log = log_of(clock)
    secret = (
        b'REGISTER sip:x@y SIP/2.0\r\nCall-ID: 7\r\nAuthorization: Digest response="canary"\r\n\r\n'
    )
    log.note(secret, ROAD, False)
    at = clock.wall()
    clock.advance(5)

    (wire,) = log.wires()
    message = shown(wire, log.wall(wire), lambda _host: HERE)

    assert "canary" not in message.raw
    assert (message.at, message.direction, message.transport) == (at, "in", "UDP")
    assert (message.from_address, message.to_address) == ("192.0.2.7:5060", "192.0.2.1:5060")
    assert (message.summary, message.call_id) == ("REGISTER sip:x@y SIP/2.0", "7")


@pytest.mark.parametrize(
    ("data", "summary"),
    [
        (keepalive(), "MESSAGE Keepalive"),
        (answer(), "SIP/2.0 200 OK (MESSAGE)"),
        (b"\x16\x03\x01\xff no SIP", "\ufffd\ufffd\ufffd\ufffd no SIP"),
        (b"", ""),
        (b"INVITE sip:a:canary@b SIP/2.0\r\n\r\n", "INVITE sip:a:******@b SIP/2.0"),
    ],
)
def test_each_message_has_a_line_that_says_what_it_is(data: bytes, summary: str) -> None:
    wire = Wire(1, 0.0, True, ROAD, data, len(data))

    assert shown(wire, FakeClock().wall(), lambda _host: HERE).summary == summary
