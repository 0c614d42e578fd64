"""Whole conversations in any order, with a real server: what was promised holds at every step.

Devices register, refresh, go, tell and are called; what they send is lost, doubled or comes late;
time passes in leaps; the server is started anew. As a program it tries many:
`python -m tests.fuzz.sequences --sequences 2000`.
"""

# What is lent out is the owners' own affair: looked at here, told nowhere.
# pyright: reportPrivateUsage=false

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from media.relay import Relay
from tests.support.clock import MIDDAY
from tests.support.sip_peer import Message, SipPeer
from tests.support.town import PASSWORD, settings_for
from tests.support.waiting import until
from vms.errors import VmsError
from vms.inventory.model import State
from vms.logs import set_up_logs
from vms.server import Server

T = TypeVar("T")

STEPS = 25
DEVICES = tuple(f"3402000000132000000{number}" for number in range(1, 4))
QUIET_S = 120.0
"""A device heard within this time may not be called offline: its limit is three minutes."""

LONGEST_TIMER_S = 64.0
FATES = ("arrives", "arrives", "arrives", "doubled", "lost", "late")

fates = st.sampled_from(FATES)
which = st.sampled_from(DEVICES)


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time can be put forward: every timer that falls due rings."""

    leapt_s = 0.0

    def time(self) -> float:
        """Monotonic seconds, and what was leapt over."""
        return super().time() + self.leapt_s


class LeapingClock:
    """The server's clock: the loop's time, and a wall clock that keeps pace with it."""

    def __init__(self, loop: LeapingLoop) -> None:
        self._loop = loop
        self._begun = loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    def wall(self) -> Any:
        return MIDDAY + timedelta(seconds=self._loop.time() - self._begun)


class Conversation(RuleBasedStateMachine):
    """One server, three devices, and what has been promised to them."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = LeapingLoop()
        asyncio.set_event_loop(self._loop)
        self._clock = LeapingClock(self._loop)
        self._stack = AsyncExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-")))
        self._server: Server
        self._stop = asyncio.Event()
        self._host: asyncio.Task[None]
        self._peers: dict[str, SipPeer] = {}
        self._bound: set[str] = set()
        self._heard_at: dict[str, float] = {}
        self._credentials: dict[str, str] = {}
        self._alarms: set[str] = set()
        self._told = 0
        self._held: list[tuple[str, bytes]] = []
        self._calls: list[tuple[str, Message]] = []
        self._do(self._open())

    def teardown(self) -> None:
        """Nothing is left over: no call, no transaction, no port, no SSRC."""
        try:
            self._do(self._nothing_is_left())
        finally:
            self._do(self._close())
            self._loop.close()

    # What may happen

    @rule(device=which, fate=fates, knows=st.sampled_from((True, True, True, False)))
    def registers(self, device: str, fate: str, knows: bool) -> None:
        """A whole dialogue, first or again, with the right password or a wrong one."""
        self._do(self._register(device, fate, knows=knows, expires=3600))

    @rule(device=which, fate=fates)
    def unregisters(self, device: str, fate: str) -> None:
        """The same with Expires 0."""
        self._do(self._register(device, fate, knows=True, expires=0))

    @rule(device=which)
    def repeats_old_credentials(self, device: str) -> None:
        """What was sniffed once lets nobody in again, and throws nobody out."""
        self._do(self._replay(device))

    @rule(device=which, fate=fates)
    def keeps_alive(self, device: str, fate: str) -> None:
        """A sign of life."""
        self._do(self._keepalive(device, fate))

    @rule(device=which, fate=fates)
    def raises_an_alarm(self, device: str, fate: str) -> None:
        """An alarm with a description that no other has."""
        self._do(self._alarm(device, fate))

    @rule(device=which, fate=fates, word=st.sampled_from(("ON", "OFF", "VLOST", "DEL")))
    def notifies(self, device: str, fate: str, word: str) -> None:
        """A change of the catalogue."""
        self._do(self._notify(device, fate, word))

    @rule(
        device=which,
        reaction=st.sampled_from(
            ("accepts", "is busy", "is silent", "rings", "hangs up", "is late")
        ),
    )
    def is_watched(self, device: str, reaction: str) -> None:
        """Somebody wants the picture; the device does this or that."""
        self._do(self._watch(device, reaction))

    @rule()
    def viewers_leave(self) -> None:
        """Every session is ended from our side."""
        self._do(self._end_sessions())

    @rule(fate=fates)
    def a_device_hangs_up(self, fate: str) -> None:
        """BYE in the oldest call, perhaps one that is over."""
        if self._calls:
            device, invite = self._calls.pop(0)
            self._do(self._send(device, self._peers[device].inside(invite, "BYE"), fate))

    @rule(at=st.integers(0, 20))
    def something_late_arrives(self, at: int) -> None:
        """A message that was held back, out of its order."""
        if self._held:
            device, raw = self._held.pop(at % len(self._held))
            if b"Expires: 0" in raw:
                self._bound.discard(device)  # it may be right still
            self._peers[device].send(raw)
            self._do(self._settle())

    @rule(seconds=st.sampled_from((1, 5, 40, 100)))
    def time_passes(self, seconds: int) -> None:
        """All timers that fall due ring."""
        self._do(self._leap(seconds))

    @rule()
    def the_server_is_started_anew(self) -> None:
        """On the same database."""
        self._do(self._restart())

    # What always holds

    @invariant()
    def what_was_answered_is_kept(self) -> None:
        """N1: every alarm once. N2: every binding. N3: nobody offline who spoke just now."""
        self._do(self._check())

    async def _check(self) -> None:
        inventory = self._server.inventory
        stored = [alarm.description for alarm in await inventory.alarms(limit=1000)]
        assert len(stored) == len(set(stored)), "an alarm is stored twice"
        assert self._alarms <= set(stored), "an alarm that was answered is lost"
        for device_id in self._bound:
            device = inventory.device(device_id)
            assert device.binding is not None, f"{device_id} has lost its binding"
            assert device.binding.port == self._peers[device_id].port
            if self._loop.time() - self._heard_at[device_id] < QUIET_S:
                assert device.state is not State.OFFLINE, f"{device_id} is called offline"
        endpoint = self._server.endpoint
        assert endpoint.stats.transactions < 1_000

    # How it happens

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    async def _open(self) -> None:
        await self._start()
        for device_id in DEVICES:
            peer = await self._stack.enter_async_context(
                SipPeer.open(device_id, self._address(), PASSWORD)
            )
            # Refused ones are not tried again within a day; others would be, whenever time leaps.
            peer.answers["SUBSCRIBE"] = 489
            self._peers[device_id] = peer

    async def _start(self) -> None:
        is_up = self._loop.create_future()
        self._stop = asyncio.Event()

        async def host() -> None:
            try:
                settings = settings_for(self._folder)
                async with Server.open(settings, clock=self._clock) as server:
                    self._server = server
                    is_up.set_result(None)
                    await self._stop.wait()
            except Exception as error:
                if is_up.done():
                    raise
                is_up.set_exception(error)

        self._host = self._loop.create_task(host())
        await is_up

    def _address(self) -> tuple[str, int]:
        address = self._server.endpoint.address
        return address.host, address.port

    async def _restart(self) -> None:
        self._stop.set()
        await self._host
        await self._start()
        for peer in self._peers.values():
            peer.server = self._address()
        self._calls.clear()

    async def _close(self) -> None:
        self._stop.set()
        await self._host
        await self._stack.aclose()

    async def _settle(self) -> None:
        """Until the server has taken what lies in its sockets and stored what it took."""
        received = -1
        while received != self._server.endpoint.stats.received:
            received = self._server.endpoint.stats.received
            await asyncio.sleep(0.002)
            await until(lambda: self._server.inbound.is_idle)

    async def _send(self, device_id: str, raw: bytes, fate: str) -> Message | None:
        """Let that become of a request; its final answer where it arrived and got one."""
        # A stranger's allowance of answers fills up again.
        self._loop.leapt_s += 1.0
        peer = self._peers[device_id]
        if fate == "late":
            self._held.append((device_id, raw))
        if fate in ("late", "lost"):
            return None
        peer.responses.clear()
        answer = await peer.ask(raw)
        if fate == "doubled":
            peer.send(raw)
            repeated = await peer.answer_to(raw)
            if answer.status == 200 and device_id in self._bound:  # strangers get nothing twice
                assert repeated.status == 200, f"a repetition is answered {repeated.start}"
        return answer

    async def _register(self, device_id: str, fate: str, *, knows: bool, expires: int) -> None:
        peer = self._peers[device_id]
        challenged = await self._send(device_id, peer.register_request(expires=expires), "arrives")
        assert challenged is not None
        if challenged.status != 401:
            assert challenged.status == 503, challenged.start
            return
        password = PASSWORD if knows else "something else"
        authorization = peer.authorization(challenged, password=password)
        raw = peer.register_request(authorization, expires=expires)
        answer = await self._send(device_id, raw, fate)
        if answer is None or answer.status != 200:
            assert answer is None or not knows or answer.status == 503, answer.start
            return
        assert knows, "a wrong password is let in"
        self._credentials[device_id] = authorization
        if expires:
            self._bound.add(device_id)
            self._heard_at[device_id] = self._loop.time()
            await peer.tell(_catalog(device_id))
        else:
            self._bound.discard(device_id)

    async def _replay(self, device_id: str) -> None:
        if device_id not in self._credentials:
            return
        raw = self._peers[device_id].register_request(self._credentials[device_id], expires=0)
        answer = await self._send(device_id, raw, "arrives")
        assert answer is not None
        assert answer.status != 200, "credentials were used twice"

    async def _keepalive(self, device_id: str, fate: str) -> None:
        self._told += 1
        body = _notify("Keepalive", self._told, device_id, "<Status>OK</Status>")
        answer = await self._send(device_id, self._peers[device_id].message(body), fate)
        if answer is not None and answer.status == 200:
            self._heard_at[device_id] = self._loop.time()

    async def _alarm(self, device_id: str, fate: str) -> None:
        self._told += 1
        name = f"alarm {self._told}"
        body = _notify(
            "Alarm",
            self._told,
            device_id,
            "<AlarmPriority>1</AlarmPriority><AlarmMethod>2</AlarmMethod>"
            f"<AlarmTime>2026-03-02T12:00:00</AlarmTime><AlarmDescription>{name}</AlarmDescription>",
        )
        answer = await self._send(device_id, self._peers[device_id].message(body), fate)
        if answer is not None and answer.status == 200:
            self._alarms.add(name)

    async def _notify(self, device_id: str, fate: str, word: str) -> None:
        self._told += 1
        body = _notify(
            "Catalog",
            self._told,
            device_id,
            "<SumNum>1</SumNum><DeviceList Num='1'><Item>"
            f"<DeviceID>{_channel(device_id)}</DeviceID><Event>{word}</Event></Item></DeviceList>",
        )
        await self._send(device_id, self._peers[device_id].message(body), fate)

    async def _watch(self, device_id: str, reaction: str) -> None:
        viewing, peer = self._server.viewing, self._peers[device_id]
        peer.requests.clear()
        try:
            view = await viewing.live(device_id, _channel(device_id), transport="udp")
        except VmsError:
            return
        invites = [each for each in peer.requests if each.method == "INVITE"]
        if view.state != "inviting" and not invites:
            return
        try:
            invite = await peer.asked("INVITE")
        except TimeoutError:
            return  # somebody watched already, or the device is not where it was
        match reaction:
            case "accepts":
                peer.accept(invite)
                self._calls.append((device_id, invite))
            case "is busy":
                peer.respond(invite, 486, "Busy Here")
            case "rings":
                peer.respond(invite, 180, "Ringing")
                peer.accept(invite)
                self._calls.append((device_id, invite))
            case "hangs up":
                peer.accept(invite)
                await self._settle()
                peer.send(peer.inside(invite, "BYE"))
            case "is late":
                peer.respond(invite, 100, "Trying")
                with suppress(VmsError):
                    await viewing.end(view.session_id)
                peer.accept(invite)
            case _:
                pass
        await self._settle()

    async def _end_sessions(self) -> None:
        for session in await self._server.viewing.sessions():
            with suppress(VmsError):
                await self._server.viewing.end(session.session_id)

    async def _leap(self, seconds: float) -> None:
        self._loop.leapt_s += seconds
        await self._settle()

    async def _nothing_is_left(self) -> None:
        await self._end_sessions()
        server = self._server
        broker, relay, endpoint = server.broker, server.relay, server.endpoint
        assert isinstance(relay, Relay)

        def is_empty() -> bool:
            return not broker.sessions() and not endpoint.stats.dialogs

        for _ in range(4):
            await self._leap(LONGEST_TIMER_S)
        await self._until(is_empty, "a session or a call")
        await self._leap(LONGEST_TIMER_S)
        await self._until(lambda: endpoint.stats.transactions == 0, "a transaction")
        assert broker._driver._pool.lent == 0, "an SSRC is still lent"
        assert relay._ports.lent == 0, "a port is still lent"

    async def _until(self, is_true: Callable[[], bool], what: str) -> None:
        try:
            await until(is_true)
        except TimeoutError:
            agent, broker = self._server.endpoint._agent, self._server.broker
            left = [*agent._servers, *agent._clients, *agent._dialogs, *broker.sessions()]
            raise AssertionError(f"{what} is left over: {left}") from None


def _channel(device_id: str) -> str:
    return device_id[:10] + "131" + device_id[13:]


def _notify(cmd_type: str, sn: int, device_id: str, more: str) -> str:
    return (
        f'<?xml version="1.0"?>\r\n<Notify><CmdType>{cmd_type}</CmdType><SN>{sn}</SN>'
        f"<DeviceID>{device_id}</DeviceID>{more}</Notify>"
    )


def _catalog(device_id: str) -> str:
    return (
        '<?xml version="1.0"?>\r\n<Response><CmdType>Catalog</CmdType><SN>1</SN>'
        f"<DeviceID>{device_id}</DeviceID><SumNum>1</SumNum><DeviceList Num='1'><Item>"
        f"<DeviceID>{_channel(device_id)}</DeviceID><Name>gate</Name><Status>ON</Status></Item>"
        "</DeviceList></Response>"
    )


def search(sequences: int) -> None:
    """Try so many conversations."""
    set_up_logs("error")
    run_state_machine_as_test(
        cast("Any", Conversation),
        settings=settings(
            max_examples=sequences,
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


def main() -> None:
    """Read the command line and search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=50)
    options = parser.parse_args()
    search(options.sequences)
    sys.stdout.write(f"sequences: {options.sequences} of up to {STEPS} steps, clean\n")


if __name__ == "__main__":
    main()
