"""A city of cameras on one socket: each has a host of its own, and repeats as RFC 3261 says.

The source address is chosen with each datagram (IP_PKTINFO), so that fifty thousand hosts need one
file. Requests are sent again after T1, doubled up to T2 (17.1.2.2), and given up after 64 T1.
It shares no code with the server.
"""

import contextlib
import hashlib
import heapq
import random
import re
import select
import socket
import struct
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count

from benchmarks.fleet import CATALOG, INFO, ITEM, KEEPALIVE, STATUS
from benchmarks.support import LostError

WAITS_S = (0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0)
"""Between a request's first copies; the sum is 64 T1 and a little less."""

HOSTS_A_NETWORK = 250
NETWORKS = 250
FIRST_NETWORK = 16
RECEIVE_BUFFER_BYTES = 64 * 2**20
_SO_RCVBUFFORCE = 33
_IP_PKTINFO = 8

AT_ONCE = 64
"""After so many datagrams of one kind the others get their turn."""

SHORTEST_RETRY_S = 5.0
OWN_RETRY_S = 30.0
"""When a camera registers again that got no answer, or a refusal without Retry-After."""

_BRANCH = re.compile(rb"branch=z9hG4bK(\d+)")
_NONCE = re.compile(rb'nonce="([^"]+)"')
_RETRY_AFTER = re.compile(rb"Retry-After: *(\d+)")
_COPIED = re.compile(rb"^(?:Via|From|To|Call-ID|CSeq):[^\r]*\r\n", re.MULTILINE)
_TO = re.compile(rb"^[A-Z]+ sip:(\d+)@")
_QUERY = re.compile(rb"<CmdType>(\w+)</CmdType>\s*<SN>(\d+)</SN>")
_FIRST_CAMERA = 34020000001320000001
_FIRST_CHANNEL = 34020000001310000001


def _md5(text: bytes) -> bytes:
    return hashlib.md5(text, usedforsecurity=False).hexdigest().encode()


class Camera:
    """One of them."""

    __slots__ = (
        "contact",
        "cseq",
        "device_id",
        "ha1",
        "is_registered",
        "number",
        "people",
        "source",
        "via",
    )

    def __init__(self, number: int, port: int, realm: bytes, password: str) -> None:
        network, host = divmod(number, HOSTS_A_NETWORK)
        second, third = divmod(network, NETWORKS)
        address = (127, FIRST_NETWORK + second, third, host + 1)
        own = b"%d.%d.%d.%d:%d" % (*address, port)
        self.number = number
        self.device_id = b"%d" % (_FIRST_CAMERA + number)
        self.source = [(socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("i4B4x", 0, *address))]
        self.via = b"Via: SIP/2.0/UDP %b;rport;branch=z9hG4bK" % own
        name = b"<sip:%b@%b>" % (self.device_id, realm)
        self.people = b"From: %b;tag=%d\r\nTo: %b\r\n" % (name, number, name)
        self.contact = b"Contact: <sip:%b@%b>\r\n" % (self.device_id, own)
        self.ha1 = _md5(b"%b:%b:%b" % (self.device_id, realm, password.encode()))
        self.cseq = 0
        self.is_registered = False


def catalogue_part(camera: Camera, sn: int, total: int, channels: Sequence[int]) -> bytes:
    """One MESSAGE's body with these channels, by number, of `total`."""
    items = b"".join(ITEM % (_FIRST_CHANNEL + n, n, n, camera.device_id) for n in channels)
    return CATALOG % (sn, camera.device_id, total, len(channels), items)


class _Request:
    """Sent, and not answered yet."""

    __slots__ = ("camera", "copies", "data", "first_s", "kind")

    def __init__(self, kind: str, camera: Camera, data: bytes, first_s: float) -> None:
        self.kind = kind
        self.camera = camera
        self.data = data
        self.first_s = first_s
        self.copies = 1


class Pace:
    """`act` for each camera, evenly: all within `within_s`, once or again and again."""

    def __init__(
        self,
        act: Callable[[Camera], None],
        cameras: Sequence[Camera],
        within_s: float,
        *,
        again: bool = False,
    ) -> None:
        self._act = act
        self._cameras = cameras
        self._per_s = len(cameras) / within_s
        self._again = again
        self._began_s = time.perf_counter()
        self.done = 0
        self.latest_s = 0.0
        """How far behind its own time it was at worst: the generator's fault, not the server's."""

    @property
    def is_over(self) -> bool:
        """Everybody has acted."""
        return not self._again and self.done >= len(self._cameras)

    def go_on(self, now: float) -> None:
        """Those whose time has come, `AT_ONCE` at most."""
        due = int((now - self._began_s) * self._per_s) + 1
        if not self._again:
            due = min(due, len(self._cameras))
        self.latest_s = max(self.latest_s, (due - self.done) / self._per_s)
        for turn in range(self.done, min(due, self.done + AT_ONCE)):
            self._act(self._cameras[turn % len(self._cameras)])
            self.done += 1


class Window:
    """A camera that has many bodies to send, and never more than `width` of them unanswered."""

    def __init__(self, city: "City", camera: Camera, kind: str, width: int) -> None:
        self._city = city
        self._camera = camera
        self._kind = kind
        self._width = width
        self.bodies: deque[bytes] = deque()

    def go_on(self, _: float) -> None:
        """As many as there is room for."""
        room = self._width - self._city.awaited[self._kind]
        for _ in range(min(room, len(self.bodies))):
            self._city.message(self._camera, self._kind, self.bodies.popleft())


class City:
    """Cameras before one server.

    `answers` counts final answers by what they answer and status, `taken_s` has by kind how long
    each took from the first copy on, `repeated` how many copies followed, `unanswered` what was
    given up.
    """

    def __init__(self, size: int, port: int, server_id: str, domain: str, password: str) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self.taken_s: defaultdict[str, list[float]] = defaultdict(list)
        self.repeated: Counter[str] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        """200s by what they answer, since the beginning."""
        self.strays = 0
        """Answers to what was answered already."""
        self.registered = 0
        self.registered_at_s: list[float] = []
        """When cameras got their first 200, one after the other."""
        self.paces: list[Pace | Window] = []
        self.on_catalogue: dict[int, Callable[[int], None]] = {}
        """By number of the camera: who answers its Catalog query of that SN."""
        self.awaited: Counter[str] = Counter()
        """Requests without an answer so far, by kind."""
        self.mischief: Callable[[str, bytes], Sequence[tuple[float, bytes]]] | None = None
        """What the network makes of a datagram of that kind: copies, and how late each is."""
        self._uri = b"sip:%b@%b" % (server_id.encode(), domain.encode())
        self._ha2 = _md5(b"REGISTER:" + self._uri)
        self._realm = domain.encode()
        self._server = ("127.0.0.1", port)
        self._numbers = count(1)
        self._order = count()
        self._requests: dict[int, _Request] = {}
        self._repeats: list[deque[tuple[float, int]]] = [deque() for _ in WAITS_S]
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._answered_sns: set[int] = set()
        self._dice = random.Random(28181)  # noqa: S311  repeatable
        self._socket = _loopback_socket()
        self._poll = select.epoll()
        self._poll.register(self._socket.fileno(), select.EPOLLIN)
        own_port: int = self._socket.getsockname()[1]
        self.cameras = [Camera(each, own_port, self._realm, password) for each in range(size)]
        self._by_id = {camera.device_id: camera for camera in self.cameras}

    def close(self) -> None:
        """Give the socket back."""
        self._poll.close()
        self._socket.close()

    def forget_figures(self) -> None:
        """What is counted from now on is another measurement's."""
        for figures in (self.answers, self.taken_s, self.repeated, self.unanswered):
            figures.clear()
        self.strays = 0

    # What cameras say

    def register(self, camera: Camera) -> None:
        """REGISTER; challenges, refusals and silence are dealt with as they come."""
        self._register(camera, "REGISTER", b"")

    def keepalive(self, camera: Camera) -> None:
        """A sign of life, of those that are registered."""
        if camera.is_registered:
            sn = next(self._order) % 10_000 + 1
            self.message(camera, "keepalive", KEEPALIVE % (sn, camera.device_id))

    def message(self, camera: Camera, kind: str, body: bytes) -> None:
        """One MESSAGE."""
        number = next(self._numbers)
        data = (
            b"MESSAGE %b SIP/2.0\r\n%b%d\r\n%bCall-ID: m%d@127.0.0.1\r\nCSeq: 20 MESSAGE\r\n"
            b"Content-Type: Application/MANSCDP+xml\r\nMax-Forwards: 70\r\n"
            b"User-Agent: IP Camera\r\n"
            b"Content-Length: %d\r\n\r\n%b"
            % (self._uri, camera.via, number, camera.people, number, len(body), body)
        )
        self._request(number, kind, camera, data)

    def _register(self, camera: Camera, kind: str, authorization: bytes) -> None:
        number = next(self._numbers)
        camera.cseq += 1
        data = (
            b"REGISTER %b SIP/2.0\r\n%b%d\r\n%bCall-ID: r%d@127.0.0.1\r\nCSeq: %d REGISTER\r\n%b%b"
            b"Max-Forwards: 70\r\nUser-Agent: IP Camera\r\nExpires: 3600\r\n"
            b"Content-Length: 0\r\n\r\n"
            % (
                self._uri,
                camera.via,
                number,
                camera.people,
                camera.number,
                camera.cseq,
                camera.contact,
                authorization,
            )
        )
        self._request(number, kind, camera, data)

    def _request(self, number: int, kind: str, camera: Camera, data: bytes) -> None:
        now = time.perf_counter()
        self._requests[number] = _Request(kind, camera, data, now)
        self.awaited[kind] += 1
        self._repeats[0].append((now + WAITS_S[0], number))
        self._send(kind, camera, data)

    def _send(self, kind: str, camera: Camera, data: bytes) -> None:
        if self.mischief is None:
            self._put(camera, data)
            return
        for late_s, each in self.mischief(kind, data):
            if late_s:
                self.later(late_s, partial(self._put, camera, each))
            else:
                self._put(camera, each)

    def _put(self, camera: Camera, data: bytes) -> None:
        with contextlib.suppress(BlockingIOError):  # lost, as anything may get lost
            self._socket.sendmsg([data], camera.source, 0, self._server)

    # What they hear

    def _hear(self, data: bytes) -> None:
        if not data.startswith(b"SIP/2.0 "):
            self._asked(data)
            return
        found = _BRANCH.search(data)
        request = self._requests.pop(int(found[1]), None) if found else None
        if request is None:
            self.strays += 1
            return
        self.awaited[request.kind] -= 1
        status, kind, camera = int(data[8:11]), request.kind, request.camera
        self.taken_s[kind].append(time.perf_counter() - request.first_s)
        self.answers[kind, status] += 1
        self.told[kind] += status == 200
        if kind in {"REGISTER", "proof"}:
            self._registering(camera, status, data)
        elif status == 403 and kind == "keepalive":
            camera.is_registered = False
            self.registered -= 1
            self.register(camera)

    def _registering(self, camera: Camera, status: int, data: bytes) -> None:
        if status == 401:
            found = _NONCE.search(data)
            if found is None:
                raise LostError("a challenge without a nonce")
            self._register(camera, "proof", self._proof(camera, found[1]))
        elif status == 200:
            self.registered_at_s.append(time.perf_counter())
            self.registered += not camera.is_registered
            camera.is_registered = True
        else:
            told = _RETRY_AFTER.search(data)
            wait_s = float(told[1]) if told else OWN_RETRY_S
            self._again(camera, max(wait_s, SHORTEST_RETRY_S))

    def _again(self, camera: Camera, wait_s: float) -> None:
        self.later(wait_s + self._dice.random(), lambda: self.register(camera))

    def _proof(self, camera: Camera, nonce: bytes) -> bytes:
        response = _md5(b"%b:%b:%b" % (camera.ha1, nonce, self._ha2))
        return (
            b'Authorization: Digest username="%b", realm="%b", nonce="%b", uri="%b", response="%b",'
            b" algorithm=MD5\r\n" % (camera.device_id, self._realm, nonce, self._uri, response)
        )

    def _asked(self, data: bytes) -> None:
        """A query is acknowledged always and answered once; a subscription is granted."""
        named = _TO.match(data)
        camera = self._by_id.get(named[1]) if named else None
        if camera is None:
            self.strays += 1
            return
        copied = b"".join(_COPIED.findall(data))
        if data.startswith(b"SUBSCRIBE "):
            answer = b"SIP/2.0 200 OK\r\n%b%bExpires: 3600\r\n\r\n" % (copied, camera.contact)
            self._send("answer", camera, answer)
            self.answers["SUBSCRIBE", 200] += 1
            return
        self._send("answer", camera, b"SIP/2.0 200 OK\r\n%bContent-Length: 0\r\n\r\n" % copied)
        query = _QUERY.search(data)
        if query is None or (sn := int(query[2])) in self._answered_sns:
            return
        self._answered_sns.add(sn)
        if query[1] == b"DeviceInfo":
            self.message(camera, "info", INFO % (sn, camera.device_id))
        elif query[1] == b"DeviceStatus":
            self.message(camera, "status", STATUS % (sn, camera.device_id))
        elif query[1] == b"Catalog":
            tell = self.on_catalogue.get(camera.number)
            if tell is not None:
                tell(sn)
            else:
                part = catalogue_part(camera, sn, 1, [camera.number])
                self.message(camera, "catalogue", part)

    # Time

    def later(self, wait_s: float, act: Callable[[], None]) -> None:
        """`act` when so much time has passed."""
        heapq.heappush(self._later, (time.perf_counter() + wait_s, next(self._order), act))

    def live(self, until: Callable[[], bool], limit_s: float, what: str) -> None:
        """Until that is so; `LostError` where it is not after `limit_s`."""
        give_up_s = time.perf_counter() + limit_s
        while not until():
            if time.perf_counter() > give_up_s:
                raise LostError(f"{what} after {limit_s:.0f} s: {self}")
            self._turn()

    def live_for(self, seconds: float) -> None:
        """So long."""
        end_s = time.perf_counter() + seconds
        while time.perf_counter() < end_s:
            self._turn()

    def _turn(self) -> None:
        self._listen()
        now = time.perf_counter()
        for pace in self.paces:
            pace.go_on(now)
        self._repeat(now)
        while self._later and self._later[0][0] <= now:
            heapq.heappop(self._later)[2]()

    def _listen(self) -> None:
        if not self._poll.poll(0.001):
            return
        with contextlib.suppress(BlockingIOError):
            for _ in range(4 * AT_ONCE):
                self._hear(self._socket.recv(65_535))

    def _repeat(self, now: float) -> None:
        for copies, due in enumerate(self._repeats, 1):
            while due and due[0][0] <= now:
                number = due.popleft()[1]
                request = self._requests.get(number)
                if request is None:
                    continue
                if copies == len(WAITS_S):
                    self._given_up(number, request)
                    continue
                request.copies += 1
                self.repeated[request.kind] += 1
                self._repeats[copies].append((now + WAITS_S[copies], number))
                self._send(request.kind, request.camera, request.data)

    def _given_up(self, number: int, request: _Request) -> None:
        del self._requests[number]
        self.awaited[request.kind] -= 1
        self.unanswered[request.kind] += 1
        if request.kind in {"REGISTER", "proof"}:
            self._again(request.camera, OWN_RETRY_S * self._dice.random())

    def __str__(self) -> str:
        return (
            f"{self.registered} registered, {dict(self.awaited)} unanswered, "
            f"answers {dict(self.answers)}, repeated {dict(self.repeated)}, "
            f"given up {dict(self.unanswered)}"
        )


def _loopback_socket() -> socket.socket:
    """Hears all of 127.0.0.0/8 on one port, and nothing but loopback."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER_BYTES)
        except PermissionError:
            continue
        break
    sock.setblocking(False)
    sock.bind(("", 0))
    return sock
