"""Cameras that share nothing with the server, and write down every answer they get.

A process of its own, on the standard library alone (`python -I -S tests/support/fleet.py ...`):
raw UDP sockets, one for each device, with a digest, XML, SDP and RFC 3261 timers of their own. So
its log is evidence about the server that the server has no part in.

Each line of the log is a JSON object: `at` (wall clock, s), `what`, `device`, `kind`, `key`
(names one transaction or call), `sn`, `status`. `what` is one of

- `copy`: a request goes out, again or for the first time (`at` is before it); `bounced` where
  nobody listened, `late` once its 32 s are over;
- `answer`: a final response came (`at` is after it); provisional ones are not written down;
- `invite`, `ack`, `bye`: the server called, acknowledged, hung up;
- `storm`, `calm`, `rest`: what the fleet was told; `rest` once nothing of a calm fleet is open.

Commands come line by line on standard input: `storm N` (register, raise alarms, come and go; N
devices that were never seen before join in), `calm` (only keepalives; come home), and its end.
"""

import argparse
import hashlib
import heapq
import json
import os
import random
import re
import selectors
import socket
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

T1_S, T2_S, LIMIT_S = 0.5, 4.0, 32.0
ALARM_MEAN_S, REFRESH_MEAN_S, AWAY_S = 0.4, 1.0, (0.2, 1.0)
PATIENCE_S = 1.0
"""After a refusal they come back so soon, whatever Retry-After says: bad manners are common."""

UNDATED_EVERY = 5
"""Every so many alarms one carries no AlarmTime."""

ANSWERS_KEPT = 200
GREETING = {"register": 3600, "unregister": 0}


def hexdigest(algorithm: str, text: str) -> str:
    """MD5 or SHA-256 of text, lower-case hexadecimal."""
    if algorithm.upper() == "SHA-256":
        return hashlib.sha256(text.encode()).hexdigest()
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass
class Message:
    """A SIP message cut into its start line, headers (lower-case names) and body."""

    start: str
    headers: list[tuple[str, str]]
    body: str

    @classmethod
    def parse(cls, data: bytes) -> "Message":
        head, _, body = data.decode("latin-1").partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        pairs = [line.partition(":") for line in lines]
        return cls(start, [(name.strip().lower(), rest.strip()) for name, _, rest in pairs], body)

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known == name]

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def branch(self) -> str:
        found = re.search(r"branch=([^;,\s]+)", self.first("via"))
        return found[1] if found else ""

    @property
    def status(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0


@dataclass
class Transaction:
    """A request under way; `ended(response)` or `ended(None)` after 32 s without an answer."""

    kind: str
    sn: int
    data: bytes
    branch: str
    ended: Callable[[Message | None], None]
    gives_up_at: float
    pause_s: float = T1_S


@dataclass(order=True)
class Due:
    """Something to be done at a moment."""

    at: float
    number: int
    act: Callable[[], None] = field(compare=False)


class Fleet:
    """The devices, the clock and the log."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.dice = random.Random(options.seed)  # noqa: S311  a run that can be repeated
        self.server: tuple[str, int] = ("127.0.0.1", options.port)
        self.is_stormy = False
        self.selector = selectors.DefaultSelector()
        self.devices: list[Device] = []
        # A line reaches the file as soon as it is written.
        self._log = Path(options.log).open(  # noqa: SIM115  closed at the end of `run`
            "a", buffering=1, encoding="ascii"
        )
        self._due: list[Due] = []
        self._numbers = 0
        self._is_ended = False
        self._has_rested = True

    def number(self) -> int:
        """A fresh one."""
        self._numbers += 1
        return self._numbers

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Do it later."""
        heapq.heappush(self._due, Due(time.monotonic() + delay_s, self.number(), act))

    def note(self, what: str, at: float | None = None, **facts: str | int) -> None:
        """A line of the log."""
        line = {"at": time.time() if at is None else at, "what": what} | facts
        self._log.write(json.dumps(line) + "\n")

    def run(self) -> None:
        """Until standard input ends."""
        os.set_blocking(0, False)
        self.selector.register(0, selectors.EVENT_READ, self._commanded)
        for _ in range(self.options.devices):
            self._join()
        while not self._is_ended:
            wait_s = self._due[0].at - time.monotonic() if self._due else None
            for key, _ in self.selector.select(None if wait_s is None else max(0.0, wait_s)):
                key.data()
            while self._due and self._due[0].at <= time.monotonic():
                heapq.heappop(self._due).act()
            for device in self.devices:
                device.read_inbox()
            self._rest()
        for device in self.devices:
            device.socket.close()
        self.selector.close()
        self._log.close()

    def _join(self) -> None:
        device = Device(self, len(self.devices) + 1)
        self.devices.append(device)
        self.after(self.dice.random() / 2, device.begin)

    def _commanded(self) -> None:
        text = os.read(0, 4096).decode()
        self._is_ended = not text
        for line in text.splitlines():
            word, _, number = line.partition(" ")
            self.is_stormy = word == "storm"
            self.note(word)
            self._has_rested = False
            for _ in range(int(number or 0)):
                self._join()

    def _rest(self) -> None:
        if self._has_rested or self.is_stormy:
            return
        if all(device.is_at_rest for device in self.devices):
            self._has_rested = True
            self.note("rest")


class Device:
    """One camera with one channel."""

    def __init__(self, fleet: Fleet, number: int) -> None:
        self.id = f"34020000001180{number:06d}"
        self.channel = f"34020000001320{number:06d}"
        self.is_commuter = number % 5 == 0
        self.wants_to_be_home = True
        self.is_registered = False
        self._fleet = fleet
        self._hash = "MD5" if number % 2 else "SHA-256"
        self._inbox: deque[bytes] = deque()
        self._open: dict[str, Transaction] = {}
        self._unanswered_alarms = 0
        self._answered: OrderedDict[str, bytes] = OrderedDict()
        self._final_answers: dict[str, bytes] = {}
        self._call_id = f"reg{number}@127.0.0.1"
        self._sn = 0
        self._cseq = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(fleet.server)
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        fleet.selector.register(self.socket, selectors.EVENT_READ, self._readable)

    @property
    def is_at_rest(self) -> bool:
        """Registered, and nothing but keepalives under way."""
        busy = any(each.kind != "keepalive" for each in self._open.values())
        return self.is_registered and not busy and self._unanswered_alarms == 0

    # What it does

    def begin(self) -> None:
        """Switch it on."""
        self._greet("register")
        options, dice = self._fleet.options, self._fleet.dice
        self._fleet.after(dice.random() * options.keepalive, self._keep_alive)
        self._fleet.after(dice.random() * ALARM_MEAN_S, self._be_alarmed)
        self._fleet.after(dice.random() * REFRESH_MEAN_S, self._move)

    def _keep_alive(self) -> None:
        self._fleet.after(self._fleet.options.keepalive, self._keep_alive)
        if self.is_registered and self.wants_to_be_home:
            body = "<Status>OK</Status>"
            self._tell("keepalive", "Notify", "Keepalive", self._next_sn(), body, self._kept)

    def _kept(self, answer: Message | None) -> None:
        if answer is not None and answer.status == 403:
            self._greet("register")

    def _be_alarmed(self) -> None:
        dice = self._fleet.dice
        self._fleet.after(dice.expovariate(1 / ALARM_MEAN_S), self._be_alarmed)
        if not (self._fleet.is_stormy and self.is_registered and self.wants_to_be_home):
            return
        sn = self._next_sn()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 8 * 3600))
        dated = "" if sn % UNDATED_EVERY == 0 else f"<AlarmTime>{moment}</AlarmTime>"
        body = f"<AlarmPriority>4</AlarmPriority><AlarmMethod>5</AlarmMethod>{dated}"
        self._unanswered_alarms += 1
        self._raise_alarm(sn, body, f"alarm{sn}-{self.id}")

    def _raise_alarm(self, sn: int, body: str, call_id: str) -> None:
        """The same alarm until it is answered 200."""

        def ended(answer: Message | None) -> None:
            if answer is not None and answer.status == 200:
                self._unanswered_alarms -= 1
                return
            if answer is not None and answer.status == 403:
                self._greet("register")
            self._fleet.after(PATIENCE_S, lambda: self._raise_alarm(sn, body, call_id))

        self._tell("alarm", "Notify", "Alarm", sn, body, ended, call_id)

    def _move(self) -> None:
        """Refresh the registration, or leave and come back."""
        dice = self._fleet.dice
        if self._fleet.is_stormy and self.is_registered and self.wants_to_be_home:
            if self.is_commuter:
                self.wants_to_be_home = False
                self._leave()
                return
            self._greet("register")
        self._fleet.after(dice.expovariate(1 / REFRESH_MEAN_S), self._move)

    def _leave(self) -> None:
        """When everything said was answered, so that no late word contradicts it."""
        if self._open or self._unanswered_alarms:
            self._fleet.after(0.02, self._leave)
            return
        self._greet("unregister")

    def _gone(self) -> None:
        dice = self._fleet.dice
        self._fleet.after(dice.uniform(*AWAY_S), self._return)

    def _return(self) -> None:
        self.wants_to_be_home = True
        self._greet("register")
        self._fleet.after(REFRESH_MEAN_S, self._move)

    def _greet(self, kind: str, challenge: Message | None = None) -> None:
        """REGISTER: without credentials, then with them (9.1)."""
        if challenge is None and any(each.kind in GREETING for each in self._open.values()):
            return
        self._cseq += 1
        extra = [
            f"Contact: <sip:{self.id}@127.0.0.1:{self.port}>",
            f"Expires: {GREETING[kind]}",
        ]
        if challenge is not None:
            extra.append(f"Authorization: {self._credentials(challenge)}")

        def ended(answer: Message | None) -> None:
            if answer is not None and answer.status == 401 and challenge is None:
                self._greet(kind, answer)
            elif answer is not None and answer.status == 200:
                self.is_registered = kind == "register"
                if kind == "unregister":
                    self._gone()
            else:
                self._fleet.after(PATIENCE_S, lambda: self._greet(kind))

        # A question without credentials changes nothing whatever becomes of it.
        shown = kind if challenge is not None else f"{kind}-asked"
        self._request(
            shown,
            0,
            "REGISTER",
            self.id,
            f"{self._call_id};{self._cseq}",
            ended,
            extra,
        )

    def _credentials(self, challenge: Message) -> str:
        offers = challenge.all("www-authenticate")
        offer = next((each for each in offers if f"algorithm={self._hash}" in each), offers[0])
        given: dict[str, str] = dict(re.findall(r'(\w+)="?([^",]+)"?', offer))
        algorithm, realm, nonce = given["algorithm"], given["realm"], given["nonce"]
        uri = f"sip:{self._fleet.options.server_id}@{self._fleet.options.domain}"
        a1 = hexdigest(algorithm, f"{self.id}:{realm}:{self._fleet.options.password}")
        a2 = hexdigest(algorithm, f"REGISTER:{uri}")
        response = hexdigest(algorithm, f"{a1}:{nonce}:{a2}")
        return (
            f'Digest username="{self.id}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm={algorithm}'
        )

    # Requests

    def _next_sn(self) -> int:
        self._sn += 1
        return self._sn

    def _tell(
        self,
        kind: str,
        root: str,
        cmd_type: str,
        sn: int,
        inner: str,
        ended: Callable[[Message | None], None],
        call_id: str = "",
    ) -> None:
        """A MESSAGE with a body of the command language."""
        body = (
            '<?xml version="1.0" encoding="GB2312"?>\r\n'
            f"<{root}>\r\n<CmdType>{cmd_type}</CmdType>\r\n<SN>{sn}</SN>\r\n"
            f"<DeviceID>{self.id}</DeviceID>\r\n{inner}\r\n</{root}>\r\n"
        )
        call_id = call_id or f"m{self._fleet.number()}-{self.id}"
        extra = ["Content-Type: Application/MANSCDP+xml"]
        server_id = self._fleet.options.server_id
        self._request(kind, sn, "MESSAGE", server_id, f"{call_id};20", ended, extra, body)

    def _request(
        self,
        kind: str,
        sn: int,
        method: str,
        to: str,
        call: str,
        ended: Callable[[Message | None], None],
        extra: list[str],
        body: str = "",
    ) -> None:
        call_id, cseq = call.split(";")
        options = self._fleet.options
        branch = f"z9hG4bK{self._fleet.options.seed}x{self._fleet.number()}"
        lines = [
            f"{method} sip:{options.server_id}@{options.domain} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch={branch}",
            f"From: <sip:{self.id}@{options.domain}>;tag=f{self._fleet.number()}",
            f"To: <sip:{to}@{options.domain}>",
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} {method}",
            "Max-Forwards: 70",
            "User-Agent: Fleet",
            "X-GB-Ver: 2.0",
            *extra,
            f"Content-Length: {len(body)}",
        ]
        data = ("\r\n".join(lines) + "\r\n\r\n" + body).encode("ascii")
        under_way = Transaction(kind, sn, data, branch, ended, time.monotonic() + LIMIT_S)
        self._open[branch] = under_way
        self._send_again(under_way)

    def _send_again(self, under_way: Transaction) -> None:
        """Timers E and F of RFC 3261, 17.1.2.2."""
        if under_way.branch not in self._open:
            return
        at = time.time()
        if time.monotonic() >= under_way.gives_up_at:
            del self._open[under_way.branch]
            self._note("late", under_way)
            under_way.ended(None)
            return
        arrived = self._send(under_way.data)
        self._note("copy" if arrived else "bounced", under_way, at=at)
        self._fleet.after(under_way.pause_s, lambda: self._send_again(under_way))
        under_way.pause_s = min(2 * under_way.pause_s, T2_S)

    def _note(
        self, what: str, under_way: Transaction, status: int = 0, at: float | None = None
    ) -> None:
        self._fleet.note(
            what,
            at,
            device=self.id,
            kind=under_way.kind,
            key=under_way.branch,
            sn=under_way.sn,
            status=status,
        )

    def _send(self, data: bytes) -> bool:
        """False where nobody listened: on loopback the kernel says so at once."""
        try:
            self.socket.send(data)
        except ConnectionRefusedError:  # about an earlier datagram; this one was not sent
            self.socket.send(data)
        try:
            self._inbox.append(self.socket.recv(65_535))
        except ConnectionRefusedError:
            return False
        except BlockingIOError:
            pass
        return True

    # What comes in

    def _readable(self) -> None:
        try:
            while True:
                self._inbox.append(self.socket.recv(65_535))
        except (BlockingIOError, ConnectionRefusedError):
            pass

    def read_inbox(self) -> None:
        """Everything that came."""
        while self._inbox:
            message = Message.parse(self._inbox.popleft())
            if message.status >= 200:
                self._take_answer(message)
            elif message.status == 0:
                self._take_request(message)

    def _take_answer(self, answer: Message) -> None:
        under_way = self._open.pop(answer.branch, None)
        if under_way is not None:
            self._note("answer", under_way, answer.status)
            under_way.ended(answer)

    def _take_request(self, request: Message) -> None:
        method = request.start.split()[0]
        if method == "ACK":
            if self._final_answers.pop(request.first("call-id"), None) is not None:
                self._note_call("ack", request)
            return
        if request.branch in self._answered:
            self.socket.send(self._answered[request.branch])
            return
        match method:
            case "INVITE":
                self._be_invited(request)
            case "BYE":
                self._note_call("bye", request)
                self._respond(request, "200 OK")
            case _:
                self._respond(request, "200 OK")
                self._do_as_told(request)

    def _do_as_told(self, request: Message) -> None:
        """Answer queries; of commands and receipts nothing comes."""
        command = re.search(r"<CmdType>(\w+)</CmdType>\s*<SN>(\d+)</SN>", request.body)
        if command is None or "<Query>" not in request.body:
            return
        inner = {
            "DeviceInfo": "<Result>OK</Result><Manufacturer>Fleet</Manufacturer>",
            "Catalog": '<SumNum>1</SumNum><DeviceList Num="1"><Item>'
            f"<DeviceID>{self.channel}</DeviceID><Name>Fleet</Name><Status>ON</Status>"
            f"<Parental>0</Parental><ParentID>{self.id}</ParentID></Item></DeviceList>",
        }.get(command[1], "<Result>OK</Result>")
        self._tell("reply", "Response", command[1], int(command[2]), inner, lambda _: None)

    def _be_invited(self, request: Message) -> None:
        self._note_call("invite", request)
        if self._fleet.options.refuse_calls:
            answer = self._respond(request, "486 Busy Here")
        else:
            answer = self._respond(request, "200 OK", self._sdp(request.body))
        call_id = request.first("call-id")
        self._final_answers[call_id] = answer
        self._repeat_final(call_id, T1_S, time.monotonic() + LIMIT_S)

    def _repeat_final(self, call_id: str, pause_s: float, until: float) -> None:
        """Timers G and H: until the ACK."""

        def again() -> None:
            answer = self._final_answers.get(call_id)
            if answer is not None and time.monotonic() < until:
                self._send(answer)
                self._repeat_final(call_id, min(2 * pause_s, T2_S), until)

        self._fleet.after(pause_s, again)

    def _sdp(self, offer: str) -> str:
        ssrc = re.search(r"^y=(\d+)", offer, re.MULTILINE)
        is_tcp = "TCP/RTP/AVP" in offer
        lines = [
            "v=0",
            f"o={self.channel} 0 0 IN IP4 127.0.0.1",
            "s=Play",
            "c=IN IP4 127.0.0.1",
            "t=0 0",
            f"m=video {self.port} {'TCP/' if is_tcp else ''}RTP/AVP 96",
            "a=sendonly",
            "a=rtpmap:96 PS/90000",
            *(["a=setup:active", "a=connection:new"] if is_tcp else []),
            f"y={ssrc[1] if ssrc else ''}",
        ]
        return "\r\n".join(lines) + "\r\n"

    def _respond(self, request: Message, status: str, body: str = "") -> bytes:
        to = request.first("to")
        lines = [
            f"SIP/2.0 {status}",
            *(f"Via: {via}" for via in request.all("via")),
            f"From: {request.first('from')}",
            f"To: {to}" if ";tag=" in to else f"To: {to};tag=t{self._fleet.number()}",
            f"Call-ID: {request.first('call-id')}",
            f"CSeq: {request.first('cseq')}",
            f"Contact: <sip:{self.channel}@127.0.0.1:{self.port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        data = ("\r\n".join(lines) + "\r\n\r\n" + body).encode("ascii")
        self._send(data)
        self._answered[request.branch] = data
        if len(self._answered) > ANSWERS_KEPT:
            self._answered.popitem(last=False)
        return data

    def _note_call(self, what: str, request: Message) -> None:
        self._fleet.note(what, device=self.id, kind="call", key=request.first("call-id"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    number = partial(parser.add_argument, type=int, required=True)
    number("--port", help="where the server listens, on 127.0.0.1")
    number("--devices", help="how many register at once")
    number("--seed")
    parser.add_argument("--server-id", required=True)
    parser.add_argument("--domain", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--keepalive", type=float, default=1.0, help="seconds between two")
    parser.add_argument("--refuse-calls", action="store_true", help="486 to every INVITE")
    Fleet(parser.parse_args()).run()


if __name__ == "__main__":
    main()
