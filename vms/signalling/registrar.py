"""REGISTER: from the request to the answer (GB/T 28181-2022, 9.1; RFC 3261, 10)."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from sip.bans import UNANSWERED_CHALLENGE
from sip.message import Flow, Request, Response, response_to
from sip.net.endpoint import REFLECTION_LIMIT, Endpoint, IncomingRequest
from vms.clock import Clock
from vms.errors import ExhaustedError, UnavailableError
from vms.events import EventBus, RegistrationFailed
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.fields import write_date_header
from vms.gb28181.version import HEADER as VERSION_HEADER
from vms.gb28181.version import Edition, edition_of, version_of
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


@dataclass(frozen=True, slots=True)
class _Stored:
    """A registration that was committed `at` (monotonic)."""

    at: float
    flow: Flow
    expires_s: int
    version: tuple[str, Edition]


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

    def challenge(self, incoming: IncomingRequest, device_id: DeviceId) -> bool:
        """Answer a REGISTER without credentials, if a challenge is all it gets: every other one.

        Nothing is stored for it, so no task has to wait. False, and nothing has happened, for what
        `register` has to look at.
        """
        request, flow = incoming.request, incoming.flow
        if "Authorization" in request.headers:
            return False
        device = self._inventory.on_file(device_id)
        proof = self._authenticator.verify(request, device_id, device)
        answer = self._judged(request, flow, device_id, proof)[0]
        if not isinstance(answer, Challenge):
            return False
        response = self._challenged(request, flow, device_id, proof, stale=answer.stale)
        response.headers.add(*OUR_VERSION)
        incoming.respond(response)
        return True

    async def register(self, incoming: IncomingRequest, device_id: DeviceId) -> None:
        """Answer one REGISTER; `device_id` is its From user."""
        request, flow = incoming.request, incoming.flow
        device = self._inventory.on_file(device_id)
        proof = self._authenticator.verify(request, device_id, device)
        try:
            response = await self._decided(request, flow, device_id, proof)
        except (UnavailableError, ExhaustedError) as error:
            log.warning("registration not stored", device_id=device_id, error=str(error))
            self._note(request, flow, device_id, Cause.UNAVAILABLE, "unavailable")
            headers = [("Retry-After", str(self.retry_after_s()))]
            response = response_to(request, 503, headers=headers)
        response.headers.add(*OUR_VERSION)
        incoming.respond(response)

    def _judged(
        self, request: Request, flow: Flow, device_id: DeviceId, proof: Proof
    ) -> tuple[Answer, RegistrationFacts, str | None]:
        """The decision, what it rests on, and where the device is sent on to, if it is."""
        facts = self._inventory.registration_facts(
            device_id,
            to_id=request.to.uri.user or "",
            username=proof.username,
            expires_s=request.expires,
            host=flow.remote.host,
            call_id=readable(request.call_id),
        )
        target = self._redirects.target_of(device_id)
        policy = self._policy if target is None else self._policy_of_guests(facts.device)
        return decide(facts, proof.verdict, policy), facts, target

    async def _decided(
        self, request: Request, flow: Flow, device_id: DeviceId, proof: Proof
    ) -> Response:
        answer, facts, target = self._judged(request, flow, device_id, proof)
        if target is not None and isinstance(answer, Accept):
            return await self._sent_on(request, flow, device_id, target)
        match answer:
            case Challenge(stale=stale):
                return self._challenged(request, flow, device_id, proof, stale=stale)
            case Refuse() as refuse:
                mixed_up = Cause.USERNAME if facts.to_id == device_id else Cause.FROM_TO
                cause = CAUSES.get(refuse.refusal, mixed_up)
                is_known = proof.verdict is DigestVerdict.RIGHT and cause in WITH_A_RIGHT_DIGEST
                self._note(request, flow, device_id, cause, refuse.refusal.value, is_known=is_known)
                return await self._refused(request, flow, device_id, refuse)
            case Accept(expires_s=0):
                return await self._unregistered(request, flow, device_id)
            case Accept(expires_s=expires_s):
                if self._is_storming(request, flow, facts.device, expires_s):
                    self._count("repeated")
                    return self._welcomed(request, device_id, expires_s)
                response = await self._registered(request, flow, device_id, expires_s, facts.device)
                for oddity in proof.oddities:
                    self._inventory.count_tolerance(device_id, oddity)
                return response

    def _policy_of_guests(self, device: Device | None) -> RegistrationPolicy:
        """For devices that are sent on. The standard leaves the challenge to us (9.1.2.3): it is
        made where a digest can be judged, so that the others are not kept from their server."""
        is_judged = self._policy.require_digest and self._authenticator.can_judge(device)
        return RegistrationPolicy(Admission.OPEN, is_judged)

    async def _sent_on(
        self, request: Request, flow: Flow, device_id: DeviceId, target: str
    ) -> Response:
        """302: it registers at `target` from now on and is nobody's here."""
        device = self._inventory.on_file(device_id)
        if device is not None and device.binding is not None:
            await self._forgotten(device_id)
        self._note(request, flow, device_id, Cause.REDIRECTED, "redirected")
        expires_s = ASSUMED_EXPIRY_S if request.expires is None else request.expires
        headers = [("Contact", f"<{target}>"), ("Expires", str(expires_s))]
        return response_to(request, 302, headers=headers)

    def _is_storming(
        self, request: Request, flow: Flow, device: Device | None, expires_s: int
    ) -> bool:
        """The same registration as the one of a moment ago, on the same road."""
        if device is None or device.binding is None:
            return False
        stored = self._stored.get(device.device_id)
        if stored is None or self._clock.monotonic() - stored.at >= STORM_S:
            return False
        facts = (flow, expires_s, *_version_of(request))
        is_there = self._flows.of(device.device_id) == flow
        return is_there and facts == (stored.flow, stored.expires_s, *stored.version)

    def _challenged(
        self, request: Request, flow: Flow, device_id: DeviceId, proof: Proof, *, stale: bool
    ) -> Response:
        """401 with a choice of hashes, over UDP only while it is no reflector's prize (G9)."""
        cause = Cause.CHALLENGED if proof.username is None else Cause.STALE
        cause = cause if proof.is_our_realm else Cause.REALM
        self._note(request, flow, device_id, cause, "challenged")
        is_new = edition_of(request.headers.get(VERSION_HEADER)) is Edition.E2022
        offered = STRONGEST_FIRST if is_new else OLDEST_FIRST
        challenges = self._authenticator.challenges(device_id, offered, stale=stale)
        response = response_to(request, 401, headers=challenges)
        limit = REFLECTION_LIMIT * request.received_bytes - ADDED_BYTES
        if flow.transport == "TCP" or response.size <= limit:
            return response
        challenges = self._authenticator.challenges(device_id, WITHOUT_CHOICE, stale=stale)
        return response_to(request, 401, headers=challenges)

    async def _registered(
        self,
        request: Request,
        flow: Flow,
        device_id: DeviceId,
        expires_s: int,
        before: Device | None,
    ) -> Response:
        now = self._clock.wall()
        contact = request.headers.get("Contact") or ""
        binding = Binding(
            transport=flow.transport,
            host=flow.remote.host,
            port=flow.remote.port,
            contact=readable(contact),
            local_host=self._endpoint.local_address(flow.remote.host).host,
            call_id=readable(request.call_id),
            registered_at=now,
            expires_at=now + timedelta(seconds=expires_s),
        )
        user_agent, edition = version = _version_of(request)
        # The task of a request is its own, and nobody cancels it.
        await self._inventory.register(
            device_id, binding, user_agent=user_agent, edition=edition, is_cancellable=False
        )
        self._flows.bind(device_id, flow)
        self._remember(device_id, _Stored(self._clock.monotonic(), flow, expires_s, version))
        self._note(request, flow, device_id, Cause.ACCEPTED, "accepted")
        if before is not None and before.binding and before.binding.call_id != binding.call_id:
            self._started_anew(device_id)
        return self._welcomed(request, device_id, expires_s)

    def _welcomed(self, request: Request, device_id: DeviceId, expires_s: int) -> Response:
        """200, with the time of day (9.10)."""
        headers = [("Expires", str(expires_s)), *self._date(device_id)]
        contact = request.headers.get("Contact")
        if contact:
            headers.insert(0, ("Contact", contact))
        return response_to(request, 200, headers=headers)

    def _date(self, device_id: DeviceId) -> list[tuple[str, str]]:
        """Nothing for devices whose clock somebody else sets."""
        device = self._inventory.on_file(device_id)
        if device is not None and not profile_of(device).send_date:
            return []
        return [("Date", write_date_header(self._clock.wall()))]

    async def _unregistered(self, request: Request, flow: Flow, device_id: DeviceId) -> Response:
        await self._forgotten(device_id)
        self._note(request, flow, device_id, Cause.UNREGISTERED, "unregistered")
        headers = [("Expires", "0"), *self._date(device_id)]
        return response_to(request, 200, headers=headers)

    async def _forgotten(self, device_id: DeviceId) -> None:
        if self._inventory.on_file(device_id) is not None:
            await self._inventory.unregister(device_id)
        self._flows.release(device_id)
        self._stored.pop(device_id, None)

    async def _refused(
        self, request: Request, flow: Flow, device_id: DeviceId, refuse: Refuse
    ) -> Response:
        log.info(
            "registration refused",
            device_id=device_id,
            source=str(flow.remote),
            cause=refuse.refusal.value,
        )
        if refuse.waits is not None:
            await self._inventory.note_waiting(
                device_id,
                flow.remote.host,
                flow.remote.port,
                transport=flow.transport,
                user_agent=readable(request.headers.get("User-Agent")),
                verdict=refuse.waits,
            )
        brief = refuse.refusal is Refusal.EXPIRY_TOO_BRIEF
        headers = [("Min-Expires", str(SHORTEST_EXPIRY_S))] if brief else []
        return response_to(request, refuse.status, reason=REASONS[refuse.refusal], headers=headers)

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

    def _note(
        self,
        request: Request,
        flow: Flow,
        device_id: DeviceId,
        cause: Cause,
        result: str,
        *,
        is_known: bool = False,
    ) -> None:
        """`is_known`: refused, but it knows the password, so it is no scanner."""
        self._count(result)
        uri = readable(request.uri)
        attempt = self.history.note(
            device_id,
            cause,
            is_on_file=self._inventory.on_file(device_id) is not None,
            source=f"{flow.remote} {flow.transport}",
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


def _version_of(request: Request) -> tuple[str, Edition]:
    """User-Agent and edition."""
    user_agent = readable(request.headers.get("User-Agent"))
    return user_agent, edition_of(request.headers.get(VERSION_HEADER))
