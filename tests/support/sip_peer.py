"""A SIP device made of sockets and `hashlib`, for specifying what the server does on the wire.

Written from the printed dialogues of GB/T 28181 and from RFC 3261, 2617 and 7616. It imports
nothing of ours, so that a mistake of ours is not made a second time here.
"""

import asyncio
import hashlib
import itertools
import re
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

LIMIT_S = 10.0
HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Message:
    """A request or a response as it came, cut into its parts and nothing more."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    raw: bytes

    @classmethod
    def parse(cls, raw: bytes) -> "Message":
        head, _, body = raw.partition(b"\r\n\r\n")
        start, *lines = head.decode().split("\r\n")
        pairs = [line.split(":", 1) for line in lines]
        return cls(start, tuple((name, value.strip()) for name, value in pairs), body, raw)

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known.lower() == name.lower()]

    def __getitem__(self, name: str) -> str:
        return self.all(name)[0]

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    @property
    def is_response(self) -> bool:
        return self.start.startswith("SIP/2.0 ")

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1])

    @property
    def method(self) -> str:
        return self.start.split(" ")[0]

    @property
    def transaction(self) -> tuple[str, str]:
        return self["Call-ID"], self["CSeq"]

    def element(self, name: str) -> str:
        """The text of a MANSCDP element; "" where there is none."""
        found = re.search(f"<{name}>([^<]*)</{name}>", self.body.decode("gb18030"))
        return found.group(1) if found else ""


def challenge_of(response: Message, algorithm: str = "MD5") -> dict[str, str]:
    """The parameters of the challenge for that algorithm."""
    for header in response.all("WWW-Authenticate"):
        params = {
            name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|[^\s,]+)', header)
        }
        if params.get("algorithm", "MD5") == algorithm:
            return params
    raise AssertionError(f"no challenge for {algorithm} in {response.raw!r}")


def credentials(
    challenge: dict[str, str],
    username: str,
    password: str,
    uri: str,
    *,
    method: str = "REGISTER",
    nonce_count: int | None = None,
) -> str:
    """An Authorization value; with `nonce_count` as `qop=auth`, without it as RFC 2069 has it."""
    algorithm = challenge.get("algorithm", "MD5")

    def digest(text: str) -> str:
        return HASHES[algorithm](text.encode()).hexdigest()

    realm, nonce = challenge["realm"], challenge["nonce"]
    a1, a2 = digest(f"{username}:{realm}:{password}"), digest(f"{method}:{uri}")
    middle, more = nonce, ""
    if nonce_count is not None:
        count, client_nonce = f"{nonce_count:08x}", "0a4f113b"
        middle = f"{nonce}:{count}:{client_nonce}:auth"
        more = f', qop=auth, nc={count}, cnonce="{client_nonce}"'
    response = digest(f"{a1}:{middle}:{a2}")
    return (
        f'Digest username="{username}", realm="{realm}", nonce="{nonce}", uri="{uri}",'
        f' response="{response}", algorithm={algorithm}{more}'
    )


@dataclass(eq=False)
class SipPeer:
    """One device ID on one socket.

    `answers` says which status a request gets by itself, by method. What came and was not waited
    for yet stands in `requests` and `responses`; waiting takes it out.
    """

    device_id: str
    server: tuple[str, int]
    password: str
    host: str = "127.0.0.1"
    transport: Literal["UDP", "TCP"] = "UDP"
    server_id: str = "34020000002000000001"
    domain: str = "3402000000"
    answers: dict[str, int] = field(
        default_factory=lambda: {"MESSAGE": 200, "BYE": 200, "CANCEL": 200}
    )
    requests: list[Message] = field(default_factory=list[Message])
    responses: list[Message] = field(default_factory=list[Message])
    acknowledged: list[Message] = field(default_factory=list[Message])
    port: int = 0

    def __post_init__(self) -> None:
        self.call_id = f"1011047669{next(_numbers)}@{self.host}"
        self._cseq = itertools.count(1)
        self._news = asyncio.Condition()
        self._datagrams: asyncio.DatagramTransport | None = None
        self._stream: asyncio.Transport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        device_id: str,
        server: tuple[str, int],
        password: str,
        *,
        host: str = "127.0.0.1",
        transport: Literal["UDP", "TCP"] = "UDP",
    ) -> "AsyncGenerator[SipPeer]":
        peer = cls(device_id, server, password, host, transport)
        await peer.reopen()
        try:
            yield peer
        finally:
            await peer.close()

    async def reopen(self, port: int = 0) -> None:
        """Another socket, so another port (or this one): as after a NAT forgot the first."""
        await self.close()
        loop = asyncio.get_running_loop()
        if self.transport == "UDP":
            self._datagrams, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self._arrived), local_addr=(self.host, port)
            )
            self.port = int(self._datagrams.get_extra_info("sockname")[1])
        else:
            self._stream, _ = await loop.create_connection(
                lambda: _Stream(self._arrived), *self.server, local_addr=(self.host, port)
            )
            self.port = int(self._stream.get_extra_info("sockname")[1])

    async def close(self) -> None:
        """Twice is fine."""
        for wire in (self._datagrams, self._stream):
            if wire is not None:
                wire.close()
        self._datagrams = self._stream = None
        # The transport gives back its socket in the next round of the loop.
        await asyncio.sleep(0)

    def send(self, raw: bytes) -> None:
        """Bytes, as they are."""
        if self._datagrams is not None:
            self._datagrams.sendto(raw, self.server)
        elif self._stream is not None:
            self._stream.write(raw)

    # Requests of the device

    def request(
        self,
        method: str,
        *,
        body: bytes = b"",
        headers: Headers = (),
        call_id: str | None = None,
        from_id: str | None = None,
        to_id: str | None = None,
        uri: str | None = None,
    ) -> bytes:
        """A request outside any dialogue, as the standard's examples print it."""
        local = f"{self.host}:{self.port}"
        number = next(_numbers)
        lines = [
            f"{method} {uri or self.server_uri} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} {local};rport;branch=z9hG4bK1371463{number}",
            f"From: <sip:{from_id or self.device_id}@{self.domain}>;tag=2043466181",
            f"To: <sip:{to_id or self.server_id}@{self.domain}>",
            f"Call-ID: {call_id or f'{number}@{self.host}'}",
            f"CSeq: {next(self._cseq)} {method}",
            *(f"{name}: {value}" for name, value in headers),
            "Max-Forwards: 70",
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    @property
    def server_uri(self) -> str:
        return f"sip:{self.server_id}@{self.domain}"

    @property
    def contact(self) -> str:
        return f"<sip:{self.device_id}@{self.host}:{self.port}>"

    def register_request(
        self,
        authorization: str | None = None,
        *,
        expires: int | None = 3600,
        with_contact: bool = True,
        from_id: str | None = None,
        to_id: str | None = None,
        headers: Headers = (),
    ) -> bytes:
        """REGISTER, refresh, and with `expires` 0 the opposite."""
        lines = [("Contact", self.contact)] if with_contact else []
        if authorization is not None:
            lines.append(("Authorization", authorization))
        if expires is not None:
            lines.append(("Expires", str(expires)))
        return self.request(
            "REGISTER",
            headers=[*lines, *headers],
            call_id=self.call_id,
            from_id=from_id,
            to_id=to_id or from_id or self.device_id,
        )

    def authorization(
        self,
        challenged: Message,
        *,
        algorithm: str = "MD5",
        username: str | None = None,
        password: str | None = None,
        nonce_count: int | None = None,
    ) -> str:
        """The answer to a 401."""
        return credentials(
            challenge_of(challenged, algorithm),
            username or self.device_id,
            password or self.password,
            self.server_uri,
            nonce_count=nonce_count,
        )

    async def challenge(self) -> Message:
        """REGISTER without credentials: the 401."""
        answer = await self.ask(self.register_request())
        assert answer.status == 401, answer.start
        return answer

    async def register(
        self,
        *,
        algorithm: str = "MD5",
        expires: int | None = 3600,
        with_contact: bool = True,
        headers: Headers = (),
    ) -> Message:
        """The whole dialogue; the answer to the second REGISTER."""
        authorization = self.authorization(await self.challenge(), algorithm=algorithm)
        return await self.ask(
            self.register_request(
                authorization, expires=expires, with_contact=with_contact, headers=headers
            )
        )

    def message(
        self, body: str | bytes, *, from_id: str | None = None, headers: Headers = ()
    ) -> bytes:
        """A MESSAGE with a MANSCDP body."""
        octets = body if isinstance(body, bytes) else body.encode("gb18030")
        kind = [("Content-Type", "Application/MANSCDP+xml")] if octets else []
        return self.request("MESSAGE", body=octets, from_id=from_id, headers=[*kind, *headers])

    async def tell(self, body: str | bytes, *, from_id: str | None = None) -> Message:
        """A MESSAGE and its answer."""
        return await self.ask(self.message(body, from_id=from_id))

    async def notify(
        self,
        body: str | bytes,
        *,
        inside: Message | None = None,
        state: str = "active;expires=600",
        event: str = "presence",
    ) -> Message:
        """A NOTIFY and its answer; `inside` is the SUBSCRIBE it belongs to, if any."""
        octets = body if isinstance(body, bytes) else body.encode("gb18030")
        headers = [("Event", event), ("Subscription-State", state), ("Contact", self.contact)]
        if octets:
            headers.append(("Content-Type", "Application/MANSCDP+xml"))
        if inside is None:
            return await self.ask(self.request("NOTIFY", body=octets, headers=headers))
        return await self.ask(self.inside(inside, "NOTIFY", body=octets, headers=headers))

    async def ask(self, raw: bytes) -> Message:
        """Send a request and wait for its final response."""
        self.send(raw)
        return await self.answer_to(raw)

    async def answer_to(self, raw: bytes) -> Message:
        """The next final response to a request sent before; taken."""
        wanted = Message.parse(raw).transaction
        return await self._take(
            self.responses, lambda each: each.transaction == wanted and each.status >= 200
        )

    # Requests to the device

    async def asked(self, method: str, cmd_type: str = "") -> Message:
        """The next request of that method, and of that CmdType; taken."""
        return await self._take(
            self.requests,
            lambda each: (
                each.method == method and (not cmd_type or each.element("CmdType") == cmd_type)
            ),
        )

    def respond(
        self,
        request: Message,
        status: int,
        reason: str = "OK",
        *,
        headers: Headers = (),
        body: bytes = b"",
    ) -> None:
        """Answer a request; finals get the tag that is this device's in all its dialogues."""
        tag = ";tag=32128" if status > 100 and ";tag=" not in request["To"] else ""
        lines = [
            f"SIP/2.0 {status} {reason}",
            *(f"Via: {via}" for via in request.all("Via")),
            f"From: {request['From']}",
            f"To: {request['To']}{tag}",
            f"Call-ID: {request['Call-ID']}",
            f"CSeq: {request['CSeq']}",
            *(f"{name}: {value}" for name, value in headers),
            f"Content-Length: {len(body)}",
        ]
        self.send("\r\n".join([*lines, "", ""]).encode() + body)

    def accept(
        self, invite: Message, *, media: str = "RTP/AVP", ssrc: str = "", media_port: int = 15060
    ) -> None:
        """200 with an SDP; `ssrc` "" repeats the offered `y=`."""
        offered = re.search(r"y=(\d+)", invite.body.decode())
        assert offered is not None
        connection = "a=setup:active\r\na=connection:new\r\n" if media.startswith("TCP") else ""
        body = (
            f"v=0\r\no={self.device_id} 0 0 IN IP4 {self.host}\r\ns=Play\r\n"
            f"c=IN IP4 {self.host}\r\nt=0 0\r\nm=video {media_port} {media} 96\r\n"
            f"a=sendonly\r\na=rtpmap:96 PS/90000\r\n{connection}y={ssrc or offered.group(1)}\r\n"
        )
        headers = [("Contact", self.contact), ("Content-Type", "application/sdp")]
        self.respond(invite, 200, headers=headers, body=body.encode())

    def inside(
        self,
        invite: Message,
        method: str,
        *,
        body: bytes = b"",
        from_id: str | None = None,
        headers: Headers = (),
    ) -> bytes:
        """A request inside the dialogue that `invite` began; `from_id` is another From user."""
        local = f"{self.host}:{self.port}"
        source = invite["To"]
        if from_id is not None:
            source = f"<sip:{from_id}@{self.domain}>"
        lines = [
            f"{method} {self.server_uri} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} {local};rport;branch=z9hG4bK4455{next(_numbers)}",
            f"From: {source};tag=32128",
            f"To: {invite['From']}",
            f"Call-ID: {invite['Call-ID']}",
            f"CSeq: {100 + next(self._cseq)} {method}",
            *(f"{name}: {value}" for name, value in headers),
            "Max-Forwards: 70",
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    # What the socket tells

    async def _take(self, messages: list[Message], fits: Callable[[Message], bool]) -> Message:
        found: list[Message] = []

        def is_there() -> bool:
            found[:] = [each for each in messages if fits(each)][:1]
            return bool(found)

        async with asyncio.timeout(LIMIT_S), self._news:
            await self._news.wait_for(is_there)
        messages.remove(found[0])
        return found[0]

    def _arrived(self, raw: bytes) -> None:
        message = Message.parse(raw)
        if message.is_response:
            self.responses.append(message)
        elif message.method == "ACK":
            self.acknowledged.append(message)
        else:
            self.requests.append(message)
            status = self.answers.get(message.method)
            if status is not None:
                self.respond(message, status, "OK" if status == 200 else "No")
        task = asyncio.get_running_loop().create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


_numbers = itertools.count(273)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, arrived: Callable[[bytes], None]) -> None:
        self._arrived = arrived

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del addr
        self._arrived(data)


class _Stream(asyncio.Protocol):
    """Cuts by Content-Length, as the standard wants it."""

    def __init__(self, arrived: Callable[[bytes], None]) -> None:
        self._arrived = arrived
        self._waiting = b""

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (head := self._waiting.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"\r\nContent-Length: *(\d+)", self._waiting[: head + 2])
            assert length is not None, self._waiting
            end = head + 4 + int(length.group(1))
            if len(self._waiting) < end:
                return
            message, self._waiting = self._waiting[:end], self._waiting[end:]
            self._arrived(message)
