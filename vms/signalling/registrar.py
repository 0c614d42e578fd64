"""REGISTER: from the request to the answer (GB/T 28181-2022, 9.1; RFC 3261, 10)."""

from datetime import timedelta

import structlog

from sip.message import Flow, Request, Response, response_to
from sip.net.endpoint import REFLECTION_LIMIT, Endpoint, IncomingRequest
from vms.clock import Clock
from vms.errors import ExhaustedError, UnavailableError
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.fields import write_date_header
from vms.gb28181.version import HEADER as VERSION_HEADER
from vms.gb28181.version import Edition, edition_of, version_of
from vms.inventory.inventory import Inventory
from vms.inventory.model import Binding
from vms.inventory.registration import (
    SHORTEST_EXPIRY_S,
    Accept,
    Challenge,
    Refusal,
    Refuse,
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

log = structlog.get_logger(__name__)

OUR_VERSION = (VERSION_HEADER, version_of(Edition.E2022) or "")

ADDED_BYTES = 40
"""What an answer still gets before it goes out: the To tag and our version."""

RETRY_AFTER_S = 20
"""Told with 503 while the database cannot serve or is too far behind."""

REASONS = {
    Refusal.IDENTITY: "From, To and user name differ",
    Refusal.WRONG_PASSWORD: "Wrong password",
    Refusal.NOT_LISTED: "Not on file",
    Refusal.WAITS: "Waiting for approval",
    Refusal.REFUSED: "Refused",
    Refusal.DUPLICATE: "This ID is in use elsewhere",
    Refusal.EXPIRY_TOO_BRIEF: "Interval Too Brief",
}


class Registrar:
    """Performs what `vms.inventory.registration.decide` decides.

    Every REGISTER is judged alike, first, refresh and unregister. A 200 leaves after the commit.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        inventory: Inventory,
        authenticator: Authenticator,
        flows: Flows,
        policy: RegistrationPolicy,
        clock: Clock,
    ) -> None:
        self._endpoint = endpoint
        self._inventory = inventory
        self._authenticator = authenticator
        self._flows = flows
        self._policy = policy
        self._clock = clock
        self.results: dict[str, int] = {}

    async def register(self, incoming: IncomingRequest, device_id: DeviceId) -> None:
        """Answer one REGISTER; `device_id` is its From user."""
        request = incoming.request
        device = self._inventory.find_device(device_id)
        proof = self._authenticator.verify(request, device_id, device)
        try:
            response = await self._decided(request, incoming.flow, device_id, proof)
        except (UnavailableError, ExhaustedError) as error:
            log.warning("registration not stored", device_id=device_id, error=str(error))
            self._count("unavailable")
            response = response_to(request, 503, headers=[("Retry-After", str(RETRY_AFTER_S))])
        response.headers.add(*OUR_VERSION)
        incoming.respond(response)

    async def _decided(
        self, request: Request, flow: Flow, device_id: DeviceId, proof: Proof
    ) -> Response:
        facts = self._inventory.registration_facts(
            device_id,
            to_id=request.to.uri.user or "",
            username=proof.username,
            expires_s=request.expires,
            host=flow.remote.host,
            call_id=readable(request.call_id),
        )
        match decide(facts, proof.verdict, self._policy):
            case Challenge(stale=stale):
                self._count("challenged")
                return self._challenged(request, flow, device_id, stale=stale)
            case Refuse() as refuse:
                return await self._refused(request, flow, device_id, refuse)
            case Accept(expires_s=0):
                return await self._unregistered(request, device_id)
            case Accept(expires_s=expires_s):
                return await self._registered(request, flow, device_id, expires_s)

    def _challenged(
        self, request: Request, flow: Flow, device_id: DeviceId, *, stale: bool
    ) -> Response:
        """401 with a choice of hashes, over UDP only while it is no reflector's prize (G9)."""
        is_new = edition_of(request.headers.get(VERSION_HEADER)) is Edition.E2022
        offered = STRONGEST_FIRST if is_new else OLDEST_FIRST
        challenges = self._authenticator.challenges(device_id, offered, stale=stale)
        response = response_to(request, 401, headers=challenges)
        limit = REFLECTION_LIMIT * request.received_bytes - ADDED_BYTES
        if flow.transport == "TCP" or len(response.to_bytes()) <= limit:
            return response
        challenges = self._authenticator.challenges(device_id, WITHOUT_CHOICE, stale=stale)
        return response_to(request, 401, headers=challenges)

    async def _registered(
        self, request: Request, flow: Flow, device_id: DeviceId, expires_s: int
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
        await self._inventory.register(
            device_id,
            binding,
            user_agent=readable(request.headers.get("User-Agent")),
            edition=edition_of(request.headers.get(VERSION_HEADER)),
        )
        self._flows.bind(device_id, flow)
        self._count("accepted")
        headers = [("Expires", str(expires_s)), ("Date", write_date_header(now))]
        if contact:
            headers.insert(0, ("Contact", contact))
        return response_to(request, 200, headers=headers)

    async def _unregistered(self, request: Request, device_id: DeviceId) -> Response:
        if self._inventory.find_device(device_id) is not None:
            await self._inventory.unregister(device_id)
        self._flows.release(device_id)
        self._count("unregistered")
        date = write_date_header(self._clock.wall())
        return response_to(request, 200, headers=[("Expires", "0"), ("Date", date)])

    async def _refused(
        self, request: Request, flow: Flow, device_id: DeviceId, refuse: Refuse
    ) -> Response:
        self._count(refuse.refusal.value)
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

    def _count(self, result: str) -> None:
        self.results[result] = self.results.get(result, 0) + 1
