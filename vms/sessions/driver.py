"""How one session comes to its picture, keeps it, gets it back, and gives everything back."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Protocol

import structlog

from media.door import MediaError, RelayDoor, StreamAddress, StreamFigures, StreamId, Transport
from vms.clock import Clock
from vms.errors import (
    DeviceOfflineError,
    ExhaustedError,
    NoAnswerError,
    NoMediaError,
    RejectedError,
    VmsError,
)
from vms.gb28181.ssrc import Ssrc
from vms.sessions.calling import Call, Caller, Invitation, Mishap, Stage
from vms.sessions.chronicle import Chronicle, complain
from vms.sessions.fallbacks import Fallbacks
from vms.sessions.machine import Input, State, is_possible
from vms.sessions.session import Session
from vms.sessions.ssrc_pool import SsrcPool

log = structlog.get_logger(__name__)

MEASURE_PERIOD_S = 10.0
"""How often the bit rates of a running stream are read."""

LOST_LIMIT_S = 10.0
"""A stream that has brought nothing for so long is lost, whether that was told or not: what is told
while a picture is just coming back (its connection closes behind the first one) is passed over."""

PROOF_PERIOD_S = 60.0
"""How often a running stream is reported as evidence that its channel works."""

CALL_IDS_KEPT = 20
"""Of the INVITEs of one session."""

UDP_INSTEAD = frozenset({400, 415, 488, 500, 501, 606})
"""Refusals of a TCP offer that are worth one try over UDP (7.9)."""

PAUSES_S = (0.5, 1.0)
LAST_PAUSE_S = 2.0
SHORTEST_PAUSE_S = 0.5
"""From one INVITE for a picture that was lost to the next, and after one that took longer."""

STEADY_S = 60.0
LONGEST_PAUSE_S = 30.0
"""A picture that came back and did not last a minute is asked for again after the last pause, the
next such after twice that, up to the longest: of two servers that take a camera from each other, or
of one that hangs up on everybody, no storm shall come."""

RECOVERY_SILENT_LIMIT_S = 4.0
"""Such an INVITE is sent at 0, 0.5, 1.5 and 3.5 s: a camera that is back hears one within 2 s."""

RECOVERY_PICTURE_S = 2.5
"""From its answer to the picture; the next INVITE follows then."""

LOOK_PERIOD_S = 0.1
UNHEARD_LOOK_PERIOD_S = 2.0
"""How often it is looked whether the picture is back, once something comes and before that: a
switch that fails silences hundreds of cameras at once."""


class Evidence(Protocol):
    """Told of channels whose picture is really there: `vms.inventory.Inventory`."""

    async def picture_proven(self, device_id: str, channel_id: str) -> None:
        """A complete key picture of the channel arrived just now."""
        ...

    def count_tolerance(self, device_id: str, name: str) -> None:
        """A deviation of the device was put up with."""
        ...


@dataclass(frozen=True, slots=True)
class BrokerPolicy:
    """Plain values.

    `first_byte_limit_s` runs from the ACK; over TCP a device that has not connected by then is
    asked again over UDP. `first_picture_limit_s` follows it: "smart" coding may send a key picture
    only every 20 s. `idle_s` runs from the first picture or the last viewer's leaving. For
    `recovery_limit_s` a picture that was lost is asked for again.
    """

    idle_s: float = 30.0
    default_transport: Transport = Transport.TCP_PASSIVE
    first_byte_limit_s: float = 6.0
    first_picture_limit_s: float = 20.0
    recovery_limit_s: float = 120.0


class Driver:
    """Drives sessions, each in a task of its own.

    Whatever ends one (refusal, silence, the last viewer, the device, an operator, our shutdown, a
    fault of our own) passes through the same `finally`, which gives back port, SSRC, hub and
    dialog.
    """

    def __init__(
        self,
        caller: Caller,
        relay: RelayDoor,
        evidence: Evidence,
        clock: Clock,
        pool: SsrcPool,
        policy: BrokerPolicy,
        chronicle: Chronicle,
    ) -> None:
        self._caller = caller
        self._relay = relay
        self._evidence = evidence
        self._clock = clock
        self._pool = pool
        self._policy = policy
        self._chronicle = chronicle
        self._fallbacks = Fallbacks(clock.monotonic)
        self._serial = 0
        self.by_stream: dict[StreamId, Session] = {}
        self.invites = 0

    async def drive(self, session: Session, wanted: Transport | None) -> None:
        """The whole life of a session; `wanted` None leaves the transport to us."""
        transport = wanted or self._policy.default_transport
        why_udp = self._fallbacks.reason(session.device_id)
        if wanted is None and why_udp and not transport.is_udp:
            transport, session.fallback = Transport.UDP, why_udp
        work = self._chronicle.start(self._work(session, transport, may_fall_back=wanted is None))
        stopped = self._chronicle.start(_set(session.stopping))
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, stopped):
                task.cancel()
            await asyncio.gather(work, stopped, return_exceptions=True)
            self._chronicle.apply(session, Input.STOPPED, "stopped")
            await self._hang_up(session)
            await self._close_stream(session)
            if session.ssrc is not None:
                self._pool.give_back(session.ssrc)
        complain(work)

    async def _work(self, session: Session, transport: Transport, *, may_fall_back: bool) -> None:
        try:
            await self._establish(session, transport, may_fall_back=may_fall_back)
            while True:
                await self._watch_over(session)
                await self._recover(session, session.transport or transport)
        except VmsError as error:
            self._end_with(session, error)
        except MediaError as error:
            self._end_with(session, ExhaustedError(str(error), what=error.code))

    # The first picture

    async def _establish(
        self, session: Session, transport: Transport, *, may_fall_back: bool
    ) -> None:
        """Port, SSRC, INVITE, first picture; a second try over UDP where TCP does not work."""
        try:
            await self._attempt(session, transport)
        except (RejectedError, NoMediaError) as error:
            refused = isinstance(error, RejectedError) and error.status in UDP_INSTEAD
            unheard = isinstance(error, NoMediaError) and not session.heard.is_set()
            if not may_fall_back or transport.is_udp or not (refused or unheard):
                raise
            log.info(
                "media over TCP failed, trying UDP",
                device_id=session.device_id,
                channel_id=session.channel_id,
                error=str(error),
            )
            session.fallback = str(error)
            self._chronicle.apply(session, Input.RETRIED, "")
            await self._attempt(session, Transport.UDP)
            self._fallbacks.tcp_failed(session.device_id, session.fallback)
        else:
            if not transport.is_udp:
                self._fallbacks.tcp_works(session.device_id)

    async def _attempt(self, session: Session, transport: Transport) -> None:
        await self._hang_up(session)
        await self._close_stream(session)
        session.picture = None
        address = await self._open(session, transport)
        await self._invite(session, address, transport)
        await self._await_picture(session, address)

    async def _open(self, session: Session, transport: Transport) -> StreamAddress:
        """A port where the session was placed, or where there is room when that process is gone."""
        host = self._caller.media_host(session.device_id)
        session.ssrc = session.ssrc or self._pool.lend()
        session.transport = transport
        try:
            address = await self._relay.open(transport, session.ssrc, host, session.worker)
        except MediaError as error:
            if error.code != MediaError.NO_WORKER:
                raise
            session.worker = self._relay.place()
            address = await self._relay.open(transport, session.ssrc, host, session.worker)
        session.address = session.told = address
        self.by_stream[address.stream_id] = session
        return address

    async def _invite(
        self,
        session: Session,
        address: StreamAddress,
        transport: Transport,
        silent_limit_s: float | None = None,
    ) -> None:
        ssrc = session.ssrc or Ssrc(0)
        session.heard.clear()
        session.attempt += 1
        session.sip_status = None
        session.call_ids.append(f"{session.session_id}-{session.attempt}")
        del session.call_ids[:-CALL_IDS_KEPT]
        self._serial += 1
        self.invites += 1
        invitation = Invitation(
            device_id=session.device_id,
            channel_id=session.channel_id,
            ssrc=ssrc,
            host=address.host,
            port=address.port,
            transport=transport,
            stream=session.stream,
            serial=self._serial,
            call_id=session.call_ids[-1],
            silent_limit_s=silent_limit_s,
        )
        call = await self._caller.invite(
            invitation, lambda stage, detail: self._chronicle.note(session, stage, detail)
        )
        session.call = call
        answer = call.answer
        for name in answer.tolerances:
            self._evidence.count_tolerance(session.device_id, name)
        if answer.transport is not transport:
            raise RejectedError(
                f"{session.device_id} answered {answer.transport} to {transport}", 488
            )
        expected = ssrc if answer.ssrc is None else answer.ssrc
        await self._relay.expect(address.stream_id, expected, answer.host, answer.port)
        self._chronicle.apply(session, Input.ANSWERED, "")
        self._listen(session, call)

    async def _await_picture(self, session: Session, address: StreamAddress) -> None:
        limits = self._policy
        try:
            async with asyncio.timeout(limits.first_byte_limit_s):
                await session.heard.wait()
        except TimeoutError:
            raise NoMediaError(
                f"{session.device_id} accepted the call and sent nothing to "
                f"{address.host}:{address.port} in {limits.first_byte_limit_s:.0f} s"
            ) from None
        if session.picture is not None:  # it was faster than its own 200
            self._chronicle.apply(session, Input.FIRST_PICTURE, "")
        await session.wait_past(frozenset({State.AWAITING_MEDIA}), limits.first_picture_limit_s)
        if session.state is State.AWAITING_MEDIA:
            raise NoMediaError(
                f"{session.channel_id} sends, but no key picture in "
                f"{limits.first_picture_limit_s:.0f} s"
            )

    def _listen(self, session: Session, call: Call) -> None:
        def _ended(reason: str) -> None:
            words = f"{session.device_id} ended the call ({reason})"
            self.interrupt(session, Input.BYE_RECEIVED, NoMediaError(words))

        call.when_ended(_ended)

    # While it runs

    async def _watch_over(self, session: Session) -> None:
        """Its figures are read, and say that the channel works, until it is interrupted."""
        await self._evidence.picture_proven(session.device_id, session.channel_id)
        proven_s, pictures = self._clock.monotonic(), 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MEASURE_PERIOD_S):
                    await session.interrupted.wait()
                    return
            figures = await self._figures(session)
            if _is_lost(session, figures):
                silence = NoMediaError(f"{session.channel_id} sends nothing any more")
                self.interrupt(session, Input.MEDIA_LOST, silence, always=figures is None)
                continue
            if figures is None:
                continue
            session.measure(figures)
            now = self._clock.monotonic()
            if figures.key_pictures > pictures and now - proven_s >= PROOF_PERIOD_S:
                proven_s, pictures = now, figures.key_pictures
                await self._evidence.picture_proven(session.device_id, session.channel_id)

    def interrupt(
        self, session: Session, happened: Input, error: NoMediaError, *, always: bool = False
    ) -> None:
        """The picture of a session is lost: it is asked for again while somebody watches.

        `always`: also where nobody does, for those who did lost it too and are about to come back.
        """
        if session.state is State.RECOVERING:
            return
        if session.state is not State.STREAMING or not (session.viewers or always):
            self._chronicle.fail(session, happened, error)
            return
        reason, words = "interrupted", error.message
        if session.address is not None:  # else its process is gone, and no camera can help that
            is_steady = self._clock.monotonic() - session.restored_s >= STEADY_S
            session.relapses = 0 if is_steady else session.relapses + 1
        if session.relapses:
            reason, pause_s = "flapping", _last_pause_s(session)
            words += f"; lost again within a minute, {session.relapses} in a row"
            words += f": asked again after {pause_s:.0f} s unless it comes by itself"
        self._chronicle.apply(session, Input.INTERRUPTED, reason)
        self._chronicle.note(session, Mishap.INTERRUPTED, words)
        session.heard.clear()
        session.interrupted.set()

    # After an interruption

    async def _recover(self, session: Session, transport: Transport) -> None:
        """INVITE again until the picture is back; viewers stay where the stream does."""
        began_s = self._clock.monotonic()
        pictures = await self._pictures(session)
        may_hurry = session.address is None or not session.relapses
        pauses = iter(PAUSES_S if may_hurry else ())
        last_pause_s = LAST_PAUSE_S if may_hurry else _last_pause_s(session)
        pause_s, error = next(pauses, last_pause_s), ""
        while not await self._is_back(session, pictures, pause_s):
            lasted_s = self._clock.monotonic() - began_s
            if lasted_s >= self._policy.recovery_limit_s:
                self._chronicle.note(session, Mishap.GIVEN_UP, error)
                raise NoMediaError(
                    f"the picture of {session.channel_id} did not come back in {lasted_s:.0f} s: "
                    f"{error}"
                )
            asked_s = self._clock.monotonic()
            try:
                if session.address is None:
                    pictures = 0
                await self._ask_again(session, transport)
                if await self._is_back(session, pictures, RECOVERY_PICTURE_S):
                    break
                error = f"{session.device_id} accepted the call and sent no picture"
            except (VmsError, MediaError) as failed:
                error = str(failed)
                self._chronicle.note(session, Mishap.ATTEMPT_FAILED, error)
                log.debug("the picture is not back", channel_id=session.channel_id, error=error)
            took_s = self._clock.monotonic() - asked_s
            pause_s = max(next(pauses, last_pause_s) - took_s, SHORTEST_PAUSE_S)
        session.interrupted.clear()
        session.recoveries += 1
        session.restored_s = self._clock.monotonic()
        if not session.has_reached(Stage.FIRST_PICTURE):  # the stream goes on: that is told once
            self._chronicle.note(session, Stage.FIRST_PICTURE, "")
        self._chronicle.note(session, Mishap.RESTORED, "")
        self._chronicle.apply(session, Input.FIRST_PICTURE, "")

    async def _ask_again(self, session: Session, transport: Transport) -> None:
        call, session.call = session.call, None
        if call is not None:
            call.when_ended(_nobody_listens)
            # A camera that is gone answers no BYE either: nobody waits for that.
            self._chronicle.spawn(call.bye())
        address = session.address or await self._open(session, transport)
        try:
            await self._invite(session, address, transport, RECOVERY_SILENT_LIMIT_S)
        except MediaError as error:
            if error.code in {MediaError.NO_STREAM, MediaError.NO_WORKER}:
                self.forget_stream(session)
            raise

    async def _is_back(self, session: Session, pictures: int, limit_s: float) -> bool:
        """Whether a key picture more than those `pictures` comes in that time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while await self._pictures(session) <= pictures:
                    await _something_comes(session)
                return True
        return False

    async def _pictures(self, session: Session) -> int:
        figures = await self._figures(session)
        return 0 if figures is None else figures.key_pictures

    async def _figures(self, session: Session) -> StreamFigures | None:
        if session.address is None:
            return None
        try:
            return await self._relay.figures(session.address.stream_id)
        except MediaError:  # its process is gone, which is told as well
            return None

    # The end

    def _end_with(self, session: Session, error: VmsError) -> None:
        if isinstance(error, RejectedError):
            session.sip_status = error.status
        match error:
            case NoAnswerError():
                happened = Input.UNANSWERED
            case NoMediaError():
                happened = Input.NO_MEDIA
            case DeviceOfflineError():
                happened = Input.DEVICE_LOST
            case _:
                happened = Input.REFUSED
        if session.state is State.RECOVERING:
            happened = Input.MEDIA_LOST
        if not is_possible(session.state, happened):
            happened = Input.STOPPED
        self._chronicle.fail(session, happened, error)

    async def _hang_up(self, session: Session) -> None:
        call, session.call = session.call, None
        if call is not None:
            call.when_ended(_nobody_listens)
            await call.bye()

    async def _close_stream(self, session: Session) -> None:
        address = session.address
        if address is not None:
            await self._keep_figures(session, address)
            self.forget_stream(session)
            await self._relay.close(address.stream_id)

    def forget_stream(self, session: Session) -> None:
        """It is closed, or its process is gone."""
        address, session.address = session.address, None
        if address is not None:
            self.by_stream.pop(address.stream_id, None)

    async def _keep_figures(self, session: Session, address: StreamAddress) -> None:
        """For whoever asks why it ended; each tolerance of the stream counts once."""
        with contextlib.suppress(MediaError):
            session.figures = figures = await self._relay.figures(address.stream_id)
            for name, _ in figures.tolerated:
                media_name = "media_" + name.replace("-", "_")
                self._evidence.count_tolerance(session.device_id, media_name)


def _is_lost(session: Session, figures: StreamFigures | None) -> bool:
    """There is no stream any more, or nothing comes to it."""
    if figures is None:
        return session.address is None
    age_s = figures.last_packet_age_s
    return age_s is None or age_s >= LOST_LIMIT_S


def _last_pause_s(session: Session) -> float:
    """From one INVITE to the next, once it is no use to hurry."""
    doubled = max(0, min(session.relapses, 10) - 1)
    return min(LAST_PAUSE_S * 2.0**doubled, LONGEST_PAUSE_S)


async def _something_comes(session: Session) -> None:
    """Until it is time to look at the figures."""
    if session.heard.is_set():
        await asyncio.sleep(LOOK_PERIOD_S)
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(UNHEARD_LOOK_PERIOD_S):
            await session.heard.wait()


async def _set(event: asyncio.Event) -> None:
    await event.wait()


def _nobody_listens(_reason: str) -> None:
    """We end the call ourselves: the device's word about it changes nothing any more."""
