"""Many devices in few lines: raw sockets and ready-made bytes, so that the generator costs little.

It shares no code with the server and retransmits nothing. A device has a
socket and a host of its own.
"""

import contextlib
import hashlib
import re
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.support import LostError

SILENCE_LIMIT_S = 5.0
"""No answer for so long while some are awaited: lost."""

SENDS_AT_ONCE = 32
"""After so many, answers are looked at."""

NETWORKS = 250
"""Hosts are in so many networks: servers limit what strangers of one host or network cost."""

_BRANCH = re.compile(rb"branch=z9hG4bK(\d+)")
_NONCE = re.compile(rb'nonce="([^"]+)"')
_COPIED = re.compile(rb"^(?:Via|From|To|Call-ID|CSeq):[^\r]*\r\n", re.MULTILINE)
_QUERY = re.compile(rb"<CmdType>(\w+)</CmdType>\s*<SN>(\d+)</SN>")
_FIRST_DEVICE = 34020000001110000001
_FIRST_CHANNEL = 34020000001310000001

INFO = b"""<?xml version="1.0" encoding="GB2312"?>\r
<Response>\r
<CmdType>DeviceInfo</CmdType>\r
<SN>%d</SN>\r
<DeviceID>%b</DeviceID>\r
<DeviceName>Gate</DeviceName>\r
<Result>OK</Result>\r
<Manufacturer>Acme</Manufacturer>\r
<Model>IPC-1</Model>\r
<Firmware>V5.7.3</Firmware>\r
</Response>\r
"""
STATUS = b"""<?xml version="1.0" encoding="GB2312"?>\r
<Response>\r
<CmdType>DeviceStatus</CmdType>\r
<SN>%d</SN>\r
<DeviceID>%b</DeviceID>\r
<Result>OK</Result>\r
<Online>ONLINE</Online>\r
<Status>OK</Status>\r
</Response>\r
"""
KEEPALIVE = b"""<?xml version="1.0" encoding="GB2312"?>\r
<Notify>\r
<CmdType>Keepalive</CmdType>\r
<SN>%d</SN>\r
<DeviceID>%b</DeviceID>\r
<Status>OK</Status>\r
</Notify>\r
"""
CATALOG = b"""<?xml version="1.0" encoding="GB2312"?>\r
<Response>\r
<CmdType>Catalog</CmdType>\r
<SN>%d</SN>\r
<DeviceID>%b</DeviceID>\r
<SumNum>%d</SumNum>\r
<DeviceList Num="%d">\r
%b</DeviceList>\r
</Response>\r
"""
ITEM = b"""<Item>\r
<DeviceID>%d</DeviceID>\r
<Name>Camera %d</Name>\r
<Manufacturer>Acme</Manufacturer>\r
<Model>IPC-1</Model>\r
<Owner>Owner</Owner>\r
<CivilCode>340200</CivilCode>\r
<Address>Gate %d</Address>\r
<Parental>0</Parental>\r
<ParentID>%b</ParentID>\r
<SafetyWay>0</SafetyWay>\r
<RegisterWay>1</RegisterWay>\r
<Secrecy>0</Secrecy>\r
<Status>ON</Status>\r
<Longitude>118.30</Longitude>\r
<Latitude>31.33</Latitude>\r
</Item>\r
"""


def _md5(text: bytes) -> bytes:
    return hashlib.md5(text, usedforsecurity=False).hexdigest().encode()


@dataclass(eq=False, slots=True)
class Device:
    """One camera. `parts` are catalogue messages that wait for their turn."""

    number: int
    device_id: bytes
    socket: socket.socket
    via: bytes
    people: bytes
    contact: bytes
    ha1: bytes
    channels: int = 1
    items_a_message: int = 1
    first_channel: int = 0
    queries_answered: set[bytes] = field(default_factory=set[bytes])
    parts: list[bytes] = field(default_factory=list[bytes])


class Fleet:
    """Devices before one server; `answers` counts final answers by what they answer and status."""

    def __init__(self, count: int, port: int, server_id: str, domain: str, password: str) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self._uri = f"sip:{server_id}@{domain}".encode()
        self._ha2 = _md5(b"REGISTER:" + self._uri)
        self._realm = domain.encode()
        self._next = 0
        self._awaited: dict[int, tuple[str, Device]] = {}
        self._heard_s = 0.0
        self._poll = select.epoll()
        self._by_file: dict[int, Device] = {}
        self.devices = [self._device(number, port, password) for number in range(count)]

    def _device(self, number: int, port: int, password: str) -> Device:
        device_id = str(_FIRST_DEVICE + number).encode()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        host = f"127.1.{number % NETWORKS}.{1 + number // NETWORKS}"
        sock.bind((host, 0))
        sock.connect(("127.0.0.1", port))
        own = b"%b:%d" % (host.encode(), sock.getsockname()[1])
        address = b"<sip:%b@%b>" % (device_id, self._realm)
        made = Device(
            number,
            device_id,
            sock,
            via=b"Via: SIP/2.0/UDP %b;rport;branch=z9hG4bK" % own,
            people=b"From: %b;tag=%d\r\nTo: %b\r\n" % (address, number, address),
            contact=b"Contact: <sip:%b@%b>\r\n" % (device_id, own),
            ha1=_md5(b"%b:%b:%b" % (device_id, self._realm, password.encode())),
            first_channel=number,
        )
        self._by_file[sock.fileno()] = made
        self._poll.register(sock.fileno(), select.EPOLLIN)
        return made

    def close(self) -> None:
        """Give the sockets back."""
        for device in self.devices:
            device.socket.close()
        self._poll.close()

    # What devices say

    def register(self, device: Device) -> None:
        """REGISTER; the challenge is answered when it comes."""
        self._register(device, "REGISTER", b"")

    def keepalive(self, device: Device) -> None:
        """A sign of life."""
        self._message(device, "keepalive", KEEPALIVE % (self._next % 10_000 + 1, device.device_id))

    def notify(self, device: Device, kind: str, body: bytes) -> None:
        """A NOTIFY of a subscription that the server holds no more."""
        number = self._note(kind, device)
        device.socket.send(
            b"NOTIFY %b SIP/2.0\r\n%b%d\r\n%bCall-ID: n%d@127.0.0.1\r\nCSeq: %d NOTIFY\r\n"
            b"%bEvent: presence\r\nSubscription-State: active;expires=600\r\n"
            b"Content-Type: Application/MANSCDP+xml\r\nMax-Forwards: 70\r\n"
            b"Content-Length: %d\r\n\r\n%b"
            % (
                self._uri,
                device.via,
                number,
                device.people,
                number,
                number,
                device.contact,
                len(body),
                body,
            )
        )

    def _register(self, device: Device, kind: str, authorization: bytes) -> None:
        number = self._note(kind, device)
        device.socket.send(
            b"REGISTER %b SIP/2.0\r\n%b%d\r\n%bCall-ID: r%d@127.0.0.1\r\nCSeq: %d REGISTER\r\n%b%b"
            b"Max-Forwards: 70\r\nUser-Agent: IP Camera\r\nExpires: 3600\r\n"
            b"Content-Length: 0\r\n\r\n"
            % (
                self._uri,
                device.via,
                number,
                device.people,
                device.number,
                number,
                device.contact,
                authorization,
            )
        )

    def _message(self, device: Device, kind: str, body: bytes) -> None:
        number = self._note(kind, device)
        device.socket.send(
            b"MESSAGE %b SIP/2.0\r\n%b%d\r\n%bCall-ID: m%d@127.0.0.1\r\nCSeq: 20 MESSAGE\r\n"
            b"Content-Type: Application/MANSCDP+xml\r\nMax-Forwards: 70\r\n"
            b"User-Agent: IP Camera\r\n"
            b"Content-Length: %d\r\n\r\n%b"
            % (self._uri, device.via, number, device.people, number, len(body), body)
        )

    def _note(self, kind: str, device: Device) -> int:
        self._next += 1
        self._awaited[self._next] = kind, device
        return self._next

    # What devices hear

    def _listen(self, limit_s: float) -> None:
        for number, _ in self._poll.poll(limit_s, 256):
            device = self._by_file[number]
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._hear(device, device.socket.recv(65_535))

    def _hear(self, device: Device, data: bytes) -> None:
        self._heard_s = time.perf_counter()
        if not data.startswith(b"SIP/2.0 "):
            self._asked(device, data)
            return
        found = _BRANCH.search(data)
        awaited = self._awaited.pop(int(found[1]), None) if found else None
        if awaited is None:
            self.answers["nothing we asked", 0] += 1
            return
        self._taken(int(found[1]) if found else 0)
        kind, status = awaited[0], int(data[8:11])
        if kind == "REGISTER" and status == 401:
            self._prove(device, data)
        self.answers[kind, status] += 1
        if kind == "catalogue" and device.parts:
            self._message(device, kind, device.parts.pop())

    def _taken(self, number: int) -> None:
        """The answer to request `number` came: for those who take the time."""

    def _prove(self, device: Device, challenge: bytes) -> None:
        found = _NONCE.search(challenge)
        if found is None:
            raise LostError("a challenge without a nonce")
        nonce = found[1]
        response = _md5(b"%b:%b:%b" % (device.ha1, nonce, self._ha2))
        authorization = (
            b'Authorization: Digest username="%b", realm="%b", nonce="%b", uri="%b", response="%b",'
            b" algorithm=MD5\r\n" % (device.device_id, self._realm, nonce, self._uri, response)
        )
        self._register(device, "proof", authorization)

    def _asked(self, device: Device, data: bytes) -> None:
        """A query: acknowledged always, answered once. A subscription: granted, and that is all."""
        if data.startswith(b"SUBSCRIBE "):
            copied = b"".join(_COPIED.findall(data))
            device.socket.send(
                b"SIP/2.0 200 OK\r\n%b%bExpires: 3600\r\n\r\n" % (copied, device.contact)
            )
            self.answers["SUBSCRIBE", 200] += 1
            return
        device.socket.send(
            b"SIP/2.0 200 OK\r\n%bContent-Length: 0\r\n\r\n" % b"".join(_COPIED.findall(data))
        )
        query = _QUERY.search(data)
        if query is None or query[0] in device.queries_answered:
            return
        device.queries_answered.add(query[0])
        sn = int(query[2])
        if query[1] == b"DeviceInfo":
            self._message(device, "info", INFO % (sn, device.device_id))
        elif query[1] == b"DeviceStatus":
            self._message(device, "status", STATUS % (sn, device.device_id))
        elif query[1] == b"Catalog":
            device.parts = self._catalogue(device, sn)
            for _ in range(min(SENDS_AT_ONCE, len(device.parts))):
                self._message(device, "catalogue", device.parts.pop())

    def _catalogue(self, device: Device, sn: int) -> list[bytes]:
        parts: list[bytes] = []
        for first in range(0, device.channels, device.items_a_message):
            numbers = range(first, min(first + device.items_a_message, device.channels))
            items = b"".join(
                ITEM % (_FIRST_CHANNEL + device.first_channel + n, n, n, device.device_id)
                for n in numbers
            )
            body = CATALOG % (sn, device.device_id, device.channels, len(numbers), items)
            parts.append(body)
        return parts

    # Pace

    def at_rate(self, act: Callable[[Device], None], devices: Sequence[Device], rate: int) -> None:
        """`act` for each device, `rate` a second whatever is answered; then until all is."""
        began = time.perf_counter()
        done = 0
        while done < len(devices):
            due = min(len(devices), int((time.perf_counter() - began) * rate) + 1)
            for device in devices[done : min(due, done + SENDS_AT_ONCE)]:
                act(device)
                done += 1
            self._listen(0 if done < due else 1 / rate)
        self.until_answered()

    def in_window(
        self, act: Callable[[Device], None], devices: Sequence[Device], window: int
    ) -> None:
        """`act` for each device, never more than `window` unanswered."""
        self._heard_s = time.perf_counter()
        for device in devices:
            while len(self._awaited) >= window:
                self._listen_or_lose()
            act(device)
        self.until_answered()

    def until_answered(self) -> None:
        """Until nothing is awaited; `LostError` after `SILENCE_LIMIT_S` of silence."""
        self._heard_s = time.perf_counter()
        while self._awaited:
            self._listen_or_lose()

    def until(self, kind: str, count: int) -> None:
        """Until so many answers of that kind came."""
        self._heard_s = time.perf_counter()
        while self.answers[kind, 200] < count:
            self._listen_or_lose()

    def _listen_or_lose(self) -> None:
        self._listen(0.05)
        if time.perf_counter() - self._heard_s > SILENCE_LIMIT_S:
            raise LostError(f"{len(self._awaited)} answers did not come; came: {self.answers}")
