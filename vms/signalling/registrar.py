"""REGISTER: from the request to the answer (GB/T 28181-2022, 9.1; RFC 3261, 10)."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

import structlog

from sip.bans import UNANSWERED_CHALLENGE
from sip.message import Flow
from sip.net.endpoint import REFLECTION_LIMIT, Endpoint
from vms.clock import Clock
from vms.errors import ExhaustedError, UnavailableError
from vms.events import EventBus, RegistrationFailed
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.fields import write_date_header
from vms.gb28181.version import HEADER as VERSION_HEADER
from vms.gb28181.version import Edition, version_of
from vms.inventory.inventory import Inventory
from vms.inventory.model import Binding, Device
from vms.inventory.profiling import profile_of
from vms.inventory.registration import (
    ASSUMED_EXPIRY_S,
    SHORTEST_EXPIRY_S,
    Accept,
    Admission,
    Answer,
    Challenge,
    DigestVerdict,
    Refusal,
    Refuse,
    RegistrationFacts,
    RegistrationPolicy,
    decide,
)
from vms.signalling.authentication import (
    OLDEST_FIRST,
    STRONGEST_FIRST,
    WITHOUT_CHOICE,
    Authenticator,
    Proof,
)
from vms.signalling.flows import Flows
from vms.signalling.header_text import readable
from vms.signalling.redirects import Redirects
from vms.signalling.registration_asked import Asked, Said
from vms.signalling.registration_history import FAILURES, Attempt, Cause, RegistrationHistory

log = structlog.get_logger(__name__)

OUR_VERSION = (VERSION_HEADER, version_of(Edition.E2022) or "")

ADDED_BYTES = 40
"""What an answer still gets before it goes out: the To tag and our version."""

RETRY_AFTER_S = 20
"""Where nobody says otherwise."""

STORM_S = 5.0
"""A device that registers again within this time, from where it is, is answered and not stored."""

TOLD_AGAIN_S = 60.0
"""One `RegistrationFailed` for each device and cause in this time."""

TELLINGS_KEPT = 10_000

REASONS = {
    Refusal.IDENTITY: "From, To and user name differ",
    Refusal.WRONG_PASSWORD: "Wrong password",
    Refusal.NOT_LISTED: "Not on file",
    Refusal.WAITS: "Waiting for approval",
    Refusal.REFUSED: "Refused",
    Refusal.DUPLICATE: "This ID is in use elsewhere",
    Refusal.EXPIRY_TOO_BRIEF: "Interval Too Brief",
}

CAUSES = {
    Refusal.WRONG_PASSWORD: Cause.WRONG_PASSWORD,
    Refusal.NOT_LISTED: Cause.NOT_ALLOWED,
    Refusal.WAITS: Cause.WAITS,
    Refusal.REFUSED: Cause.REFUSED,
    Refusal.DUPLICATE: Cause.OTHER_ADDRESS,
    Refusal.EXPIRY_TOO_BRIEF: Cause.EXPIRY,
}


class _Stored(NamedTuple):
    """A registration that was committed `at` (monotonic)."""

    at: float
    flow: Flow
    expires_s: int
    user_agent: str
    edition: Edition


FAILURE_WEIGHTS = {
    Cause.WRONG_PASSWORD: 1.0,
    Cause.USERNAME: 1.0,
    Cause.FROM_TO: 1.0,
    Cause.NOT_ALLOWED: 0.2,
    Cause.REFUSED: 1.0,
    Cause.WAITS: 0.2,
    Cause.REALM: 0.2,
    Cause.CHALLENGED: UNANSWERED_CHALLENGE,
    Cause.STALE: UNANSWERED_CHALLENGE,
}
"""How much a REGISTER in vain speaks against its source. A device that waits to be let in asks
again and again, and is no scanner; nor is one that is not on file yet."""

WITH_A_RIGHT_DIGEST = frozenset({Cause.WAITS, Cause.OTHER_ADDRESS, Cause.EXPIRY})
"""Refusals that speak for their source where the digest was right."""


class Registrar:
    """Performs what `vms.inventory.registration.decide` decides.

    Every REGISTER is judged alike, first, refresh and unregister. A 200 leaves after the commit.
    `history` tells what became of each device's last one.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        inventory: Inventory,
        authenticator: Authenticator,
        flows: Flows,
        policy: RegistrationPolicy,
        clock: Clock,
        *,
        events: EventBus,
        redirects: Redirects,
        server_id: str,
    ) -> None:
        self._endpoint = endpoint
        self._inventory = inventory
        self._authenticator = authenticator
        self._flows = flows
        self._policy = policy
        self._clock = clock
        self._events = events
        self._redirects = redirects
        self._server_id = server_id
        self._stored: OrderedDict[DeviceId, _Stored] = OrderedDict()
        self._told: OrderedDict[tuple[DeviceId, Cause], float] = OrderedDict()
        self.history = RegistrationHistory()
        self.results: dict[str, int] = {}
        self.retry_after_s: Callable[[], int] = lambda: RETRY_AFTER_S
        """Told with 503 while the database cannot serve or is too far behind."""
        self._started_anew: Callable[[DeviceId], None] = lambda _device_id: None

    def when_started_anew(self, told: Callable[[DeviceId], None]) -> None:
        """`told(device_id)` of devices on file that come with another Call-ID: most of them have
        just been switched on."""
        self._started_anew = told

    def at_once(self, asked: Asked) -> Said | None:
        """What a REGISTER without credentials gets, if a challenge is all it gets: every other one.

        Nothing is stored for it, so no task has to wait. None, and nothing has happened, for what
        `register` has to look at.
        """
        if asked.authorization is not None:
            return None
        device = self._inventory.on_file(asked.device_id)
        proof = self._authenticator.verify(asked, device)
        answer = self._judged(asked, proof)[0]
        if not isinstance(answer, Challenge):
            return None
        return self._challenged(asked, proof, stale=answer.stale)

    async def register(self, asked: Asked) -> Said:
        """What one REGISTER gets."""
        device = self._inventory.on_file(asked.device_id)
        proof = self._authenticator.verify(asked, device)
        try:
            return await self._decided(asked, proof)
        except (UnavailableError, ExhaustedError) as error:
            log.warning("registration not stored", device_id=asked.device_id, error=str(error))
            self._note(asked, Cause.UNAVAILABLE, "unavailable")
            return Said(503, headers=(("Retry-After", str(self.retry_after_s())),))

    def _judged(self, asked: Asked, proof: Proof) -> tuple[Answer, RegistrationFacts, str | None]:
        """The decision, what it rests on, and where the device is sent on to, if it is."""
        facts = self._inventory.registration_facts(
            asked.device_id,
            to_id=asked.to_id,
            username=proof.username,
            expires_s=asked.expires_s,
            host=asked.flow.remote.host,
            call_id=asked.call_id,
        )
        target = self._redirects.target_of(asked.device_id)
        policy = self._policy if target is None else self._policy_of_guests(facts.device)
        return decide(facts, proof.verdict, policy), facts, target

    async def _decided(self, asked: Asked, proof: Proof) -> Said:
        answer, facts, target = self._judged(asked, proof)
        if target is not None and isinstance(answer, Accept):
            return await self._sent_on(asked, target)
        match answer:
            case Challenge(stale=stale):
                return self._challenged(asked, proof, stale=stale)
            case Refuse() as refuse:
                mixed_up = Cause.USERNAME if facts.to_id == asked.device_id else Cause.FROM_TO
                cause = CAUSES.get(refuse.refusal, mixed_up)
                is_known = proof.verdict is DigestVerdict.RIGHT and cause in WITH_A_RIGHT_DIGEST
                self._note(asked, cause, refuse.refusal.value, is_known=is_known)
                return await self._refused(asked, refuse)
            case Accept(expires_s=0):
                return await self._unregistered(asked)
            case Accept(expires_s=expires_s):
                if self._is_storming(asked, facts.device, expires_s):
                    self._count("repeated")
                    return self._welcomed(asked, expires_s)
                said = await self._registered(asked, expires_s, facts.device)
                for oddity in proof.oddities:
                    self._inventory.count_tolerance(asked.device_id, oddity)
                return said

    def _policy_of_guests(self, device: Device | None) -> RegistrationPolicy:
        """For devices that are sent on. The standard leaves the challenge to us (9.1.2.3): it is
        made where a digest can be judged, so that the others are not kept from their server."""
        is_judged = self._policy.require_digest and self._authenticator.can_judge(device)
        return RegistrationPolicy(Admission.OPEN, is_judged)

    async def _sent_on(self, asked: Asked, target: str) -> Said:
        """302: it registers at `target` from now on and is nobody's here."""
        device = self._inventory.on_file(asked.device_id)
        if device is not None and device.binding is not None:
            await self._forgotten(asked.device_id)
        self._note(asked, Cause.REDIRECTED, "redirected")
        expires_s = ASSUMED_EXPIRY_S if asked.expires_s is None else asked.expires_s
        return Said(302, headers=(("Contact", f"<{target}>"), ("Expires", str(expires_s))))

    def _is_storming(self, asked: Asked, device: Device | None, expires_s: int) -> bool:
        """The same registration as the one of a moment ago, on the same road."""
        if device is None or device.binding is None:
            return False
        stored = self._stored.get(device.device_id)
        if stored is None or self._clock.monotonic() - stored.at >= STORM_S:
            return False
        facts = (asked.flow, expires_s, asked.user_agent, asked.edition)
        return self._flows.of(device.device_id) == asked.flow and facts == stored[1:]

    def _challenged(self, asked: Asked, proof: Proof, *, stale: bool) -> Said:
        """401 with a choice of hashes, over UDP only while it is no reflector's prize (G9)."""
        cause = Cause.CHALLENGED if proof.username is None else Cause.STALE
        cause = cause if proof.is_our_realm else Cause.REALM
        self._note(asked, cause, "challenged")
        offered = STRONGEST_FIRST if asked.edition is Edition.E2022 else OLDEST_FIRST
        challenges = self._authenticator.challenges(asked.device_id, offered, stale=stale)
        said = Said(401, headers=tuple(challenges))
        limit = REFLECTION_LIMIT * asked.received_bytes - ADDED_BYTES
        if asked.flow.transport == "TCP" or asked.size_of(said) <= limit:
            return said
        # Of those that name one nonce, the one that everybody understands.
        [kept] = [each for each in challenges if f"algorithm={WITHOUT_CHOICE}" in each[1]]
        return Said(401, headers=(kept,))

    async def _registered(self, asked: Asked, expires_s: int, before: Device | None) -> Said:
        now = self._clock.wall()
        device_id, flow = asked.device_id, asked.flow
        binding = Binding(
            transport=flow.transport,
            host=flow.remote.host,
            port=flow.remote.port,
            contact=readable(asked.contact),
            local_host=self._endpoint.local_address(flow.remote.host).host,
            call_id=asked.call_id,
            registered_at=now,
            expires_at=now + timedelta(seconds=expires_s),
        )
        # The task of a request is its own, and nobody cancels it.
        await self._inventory.register(
            device_id,
            binding,
            user_agent=asked.user_agent,
            edition=asked.edition,
            is_cancellable=False,
        )
        self._flows.bind(device_id, flow)
        self._remember(
            device_id,
            _Stored(self._clock.monotonic(), flow, expires_s, asked.user_agent, asked.edition),
        )
        self._note(asked, Cause.ACCEPTED, "accepted")
        if before is not None and before.binding and before.binding.call_id != binding.call_id:
            self._started_anew(device_id)
        return self._welcomed(asked, expires_s)

    def _welcomed(self, asked: Asked, expires_s: int) -> Said:
        """200, with the time of day (9.10)."""
        headers = (("Expires", str(expires_s)), *self._date(asked.device_id))
        if asked.contact:
            headers = (("Contact", asked.contact), *headers)
        return Said(200, headers=headers)

    def _date(self, device_id: DeviceId) -> Sequence[tuple[str, str]]:
        """Nothing for devices whose clock somebody else sets."""
        device = self._inventory.on_file(device_id)
        if device is not None and not profile_of(device).send_date:
            return ()
        return (("Date", write_date_header(self._clock.wall())),)

    async def _unregistered(self, asked: Asked) -> Said:
        await self._forgotten(asked.device_id)
        self._note(asked, Cause.UNREGISTERED, "unregistered")
        return Said(200, headers=(("Expires", "0"), *self._date(asked.device_id)))

    async def _forgotten(self, device_id: DeviceId) -> None:
        if self._inventory.on_file(device_id) is not None:
            await self._inventory.unregister(device_id)
        self._flows.release(device_id)
        self._stored.pop(device_id, None)

    async def _refused(self, asked: Asked, refuse: Refuse) -> Said:
        remote = asked.flow.remote
        log.info(
            "registration refused",
            device_id=asked.device_id,
            source=str(remote),
            cause=refuse.refusal.value,
        )
        if refuse.refusal is Refusal.DUPLICATE:
            self._inventory.count_tolerance(asked.device_id, "second_unit")
        if refuse.waits is not None:
            await self._inventory.note_waiting(
                asked.device_id,
                remote.host,
                remote.port,
                transport=asked.flow.transport,
                user_agent=asked.user_agent,
                verdict=refuse.waits,
            )
        brief = refuse.refusal is Refusal.EXPIRY_TOO_BRIEF
        headers = (("Min-Expires", str(SHORTEST_EXPIRY_S)),) if brief else ()
        return Said(refuse.status, REASONS[refuse.refusal], headers)

    # What is remembered

    def _remember(self, device_id: DeviceId, stored: _Stored) -> None:
        """Only what is younger than `STORM_S` counts; the rest goes."""
        self._stored[device_id] = stored
        self._stored.move_to_end(device_id)
        while True:
            oldest = next(iter(self._stored))
            if stored.at - self._stored[oldest].at < STORM_S:
                return
            del self._stored[oldest]

    def _note(self, asked: Asked, cause: Cause, result: str, *, is_known: bool = False) -> None:
        """`is_known`: refused, but it knows the password, so it is no scanner."""
        self._count(result)
        flow, uri = asked.flow, readable(asked.uri)
        device = self._inventory.on_file(asked.device_id)
        attempt = self.history.note(
            # Not another copy of the text.
            asked.device_id if device is None else device.device_id,
            cause,
            is_on_file=device is not None,
            flow=flow,
            at=self._clock.wall(),
            asked_for=uri,
            names_us=self._server_id in uri,
        )
        if is_known or cause is Cause.ACCEPTED:
            self._endpoint.note_success(flow)
        elif cause in FAILURE_WEIGHTS:
            self._endpoint.note_failure(flow, cause.value, FAILURE_WEIGHTS[cause])
        if attempt.cause in FAILURES:
            self._tell(attempt)

    def _tell(self, attempt: Attempt) -> None:
        """Whoever waits for this device learns why it does not come. Of strangers the waiting room
        tells."""
        if self._inventory.on_file(attempt.device_id) is None:
            return
        now = self._clock.monotonic()
        key = attempt.device_id, attempt.cause
        told_at = self._told.get(key)
        if told_at is not None and now - told_at < TOLD_AGAIN_S:
            return
        self._told[key] = now
        self._told.move_to_end(key)
        if len(self._told) > TELLINGS_KEPT:
            self._told.popitem(last=False)
        self._events.publish(
            RegistrationFailed(attempt.device_id, attempt.at, attempt.source, attempt.cause.value)
        )

    def _count(self, result: str) -> None:
        self.results[result] = self.results.get(result, 0) + 1
