"""MESSAGEs to devices, and the answers that come as MESSAGEs of theirs (GB/T 28181-2022, 9.3)."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from sip.errors import TransactionTimeoutError, TransportError
from sip.message import Flow, Request, Response
from vms.errors import DeviceOfflineError, NoAnswerError, RejectedError
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.codec import encode
from vms.gb28181.manscdp.messages import Message
from vms.gb28181.profiles import Charset, Profile
from vms.inventory.inventory import Inventory
from vms.signalling.flows import Flows
from vms.signalling.header_text import readable
from vms.signalling.pending import Delivered, Expectation, Pending, Undelivered, Unreadable

if TYPE_CHECKING:
    from sip.net.endpoint import Endpoint

MANSCDP = "Application/MANSCDP+xml"

MESSAGE_LIMIT_S = 8.0
"""For the SIP answer to a MESSAGE."""

ANSWER_LIMIT_S = 10.0
"""For the MANSCDP answer to a query that follows it."""

PARTS_LIMIT_S = 2.0
"""Between two parts of a list that is not whole yet."""

Answer = TypeVar("Answer")
Gather: TypeAlias = Callable[[Answer | None, Answer], tuple[Answer, bool]]
"""`gather(so_far, part)` puts parts together and says whether that is all."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are: the 20-digit ID and the domain of URIs."""

    server_id: DeviceId
    domain: str


class Messenger:
    """Reaches devices along the road of their last authenticated REGISTER, never by Contact.

    Every method raises `DeviceOfflineError` where there is no road, `RejectedError` for a status
    other than 2xx, `NoAnswerError` for silence.
    """

    def __init__(
        self,
        endpoint: "Endpoint",
        inventory: Inventory,
        flows: Flows,
        pending: Pending,
        identity: Identity,
    ) -> None:
        self._endpoint = endpoint
        self._inventory = inventory
        self._flows = flows
        self._identity = identity
        self.pending = pending

    def flow(self, device_id: DeviceId) -> Flow:
        """The road to a device."""
        flow = self._flows.of(device_id)
        if flow is None:
            raise DeviceOfflineError(f"no way to {device_id} is known", device_id=device_id)
        return flow

    def uri(self, target: str, flow: Flow) -> str:
        """A Request-URI at the other end of `flow`."""
        return f"sip:{target}@{flow.remote}"

    @property
    def own_address(self) -> str:
        """Our From."""
        return f"<sip:{self._identity.server_id}@{self._identity.domain}>"

    def address_of(self, target: str) -> str:
        """Its To."""
        return f"<sip:{target}@{self._identity.domain}>"

    def host_seen_by(self, device_id: DeviceId) -> str:
        """Our address as the device reaches it."""
        return self._endpoint.local_address(self.flow(device_id).remote.host).host

    def profile(self, device_id: DeviceId) -> Profile:
        """How this device is spoken to."""
        return self._inventory.profile(device_id)

    def body(self, device_id: DeviceId, message: Message) -> bytes:
        """A message as this device reads it: by its edition, in its charset."""
        profile = self.profile(device_id)
        body = encode(message, profile.edition)
        return in_utf_8(body) if profile.charset is Charset.UTF_8 else body

    async def tell(
        self, device_id: DeviceId, message: Message, *, limit_s: float | None = None
    ) -> None:
        """A MESSAGE, and its 200. Cancelled while waiting, it is not repeated."""
        flow = self.flow(device_id)
        request = self._message(device_id, flow, message)
        try:
            response = await self._endpoint.request(
                request, flow, limit_s=MESSAGE_LIMIT_S if limit_s is None else limit_s
            )
        except (TransactionTimeoutError, TransportError) as error:
            raise _silence(device_id, error) from error
        if not response.is_success:
            raise _refusal(device_id, response)

    def _message(self, device_id: DeviceId, flow: Flow, message: Message) -> Request:
        return self._endpoint.new_request(
            "MESSAGE",
            self.uri(device_id, flow),
            from_=self.own_address,
            to=self.address_of(device_id),
            body=self.body(device_id, message),
            content_type=MANSCDP,
        )

    @asynccontextmanager
    async def asking(
        self,
        device_id: DeviceId,
        cmd_type: str,
        message: Callable[[int], Message],
        target: str = "",
    ) -> AsyncGenerator[Expectation]:
        """Send what `message(sn)` makes; inside the block its answers come to the expectation.

        They may come before the 200, and instead of it. A refusal is among the parts: see `part`.
        """
        flow = self.flow(device_id)
        with self.pending.expect(device_id, cmd_type, target) as expectation:
            request = self._message(device_id, flow, message(expectation.sn))
            telling = self._endpoint.begin(request, flow, limit_s=MESSAGE_LIMIT_S)
            telling.add_done_callback(partial(_told, expectation))
            try:
                yield expectation
            finally:
                telling.cancel()

    async def ask(
        self,
        device_id: DeviceId,
        cmd_type: str,
        message: Callable[[int], Message],
        expected: type[Answer],
        *,
        target: str = "",
        limit_s: float | None = None,
        gather: Gather[Answer] | None = None,
    ) -> Answer:
        """One question, one answer; `limit_s` counts from the 200.

        With `gather` the answer may come in parts: what came counts when no more does.
        """
        limit_s = ANSWER_LIMIT_S if limit_s is None else limit_s
        async with self.asking(device_id, cmd_type, message, target) as expectation:
            loop = asyncio.get_running_loop()
            deadline = loop.time() + MESSAGE_LIMIT_S + limit_s
            so_far: Answer | None = None
            while True:
                try:
                    answer = await part(expectation, deadline - loop.time())
                except NoAnswerError:
                    if so_far is None:
                        raise
                    continue  # parts came, the 200 did not
                if isinstance(answer, expected):
                    if gather is None:
                        return answer
                    so_far, is_whole = gather(so_far, answer)
                    if is_whole:
                        return so_far
                    deadline = loop.time() + PARTS_LIMIT_S
                elif answer is None and so_far is not None:
                    return so_far
                elif answer is None:
                    raise NoAnswerError(
                        f"no {cmd_type} answer from {device_id} in {limit_s:.0f} s",
                        device_id=device_id,
                    )
                elif isinstance(answer, Delivered) and so_far is None:
                    deadline = loop.time() + limit_s


def _told(expectation: Expectation, telling: asyncio.Future[Response]) -> None:
    """Our MESSAGE has its answer, or never will: whoever reads the parts hears of it."""
    if telling.cancelled():
        return
    error = telling.exception()
    if error is None:
        response = telling.result()
        if response.is_success:
            expectation.put(Delivered())
            return
        failure: Exception = _refusal(expectation.device_id, response)
    elif isinstance(error, (TransactionTimeoutError, TransportError)):
        failure = _silence(expectation.device_id, error)
        failure.__cause__ = error
    else:
        failure = error if isinstance(error, Exception) else RuntimeError(repr(error))
    expectation.put(Undelivered(failure))


def _silence(device_id: DeviceId, error: Exception) -> NoAnswerError:
    return NoAnswerError(f"no answer from {device_id} to a MESSAGE: {error}", device_id=device_id)


def _refusal(device_id: DeviceId, response: Response) -> RejectedError:
    return RejectedError(
        f"{device_id} answered {response.status} {readable(response.reason)} to a MESSAGE",
        response.status,
        device_id=device_id,
    )


def in_utf_8(body: bytes) -> bytes:
    """A body of ours in UTF-8, and labelled so: for the few devices that read nothing else."""
    text = body.decode("gb18030")
    return re.sub(r'encoding="[^"]*"', 'encoding="UTF-8"', text, count=1).encode()


async def part(expectation: Expectation, wait_s: float) -> Message | Delivered | Unreadable | None:
    """The next news of a query, None after `wait_s` of silence. Raises what kept our MESSAGE from
    being taken."""
    news = await expectation.next(wait_s)
    if isinstance(news, Undelivered):
        raise news.error
    return news
