"""What a relay is told when it starts: plain values, so that they can be sent to a process."""

import ssl
from dataclasses import dataclass, field, replace
from itertools import pairwise

import msgspec

from media.wire import DoorAddress


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """How much one node takes on."""

    streams: int = 1_000
    viewers: int = 2_000
    transcodes: int = 2
    """Pictures only; sound costs too little to be counted."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something listens, by TLS with the files `certificate` and `key`; port 0: any free."""

    host: str
    port: int
    certificate: str = ""
    key: str = ""

    @property
    def is_tls(self) -> bool:
        """Has a certificate to show."""
        return bool(self.certificate)

    def tls(self) -> ssl.SSLContext | None:
        """As a server; None without a certificate. `OSError` for files that are none."""
        if not self.is_tls:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass(frozen=True, slots=True)
class RelayPlan:
    """One relay, `media.relay.Relay`.

    `rtp_ports` are the first and last port lent to devices, bound on `media_host` (None: on the
    host each is told); `advertised_hosts` the addresses told to viewers. `http` and `rtsp` unset:
    those forms are not served.
    """

    rtp_ports: tuple[int, int]
    webrtc: Place
    advertised_hosts: tuple[str, ...]
    worker: int = 0
    media_host: str | None = None
    http: Place | None = None
    rtsp: Place | None = None
    public_url: str = ""
    """Where a proxy passes on the HTTP port of worker n, as `public_url/n`."""
    seal: str = ""
    """The key of `media.seal.Seal` by which tokens are made; empty: every token is asked about."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks that are believed whom they speak for."""
    limits: RelayLimits = field(default_factory=RelayLimits)


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What `python -m media.worker` reads from its standard input, as one line of JSON.

    `door` is where it listens for its owner, who has to say `token`.
    """

    relay: RelayPlan
    door: DoorAddress
    token: str


@dataclass(frozen=True, slots=True)
class StartReport:
    """The one line of JSON that a worker prints: where its door is, or what it could not bind.

    `taken` is `webrtc`, `http`, `rtsp` or `door`, with the port wanted and the system's word.
    """

    door: DoorAddress | None = None
    taken: str = ""
    port: int = 0
    error: str = ""
    errno: int = 0


def plans_of_workers(plan: RelayPlan, workers: int) -> list[RelayPlan]:
    """`plan` shared out: worker n serves viewers at each port + n, and lends its part of the RTP
    ports, even pairs. `ValueError` when there are fewer pairs than workers or no port is left."""
    shares = shares_of_ports(plan.rtp_ports, workers)
    return [
        replace(
            plan,
            worker=worker,
            rtp_ports=share,
            webrtc=_moved(plan.webrtc, worker),
            http=plan.http and _moved(plan.http, worker),
            rtsp=plan.rtsp and _moved(plan.rtsp, worker),
        )
        for worker, share in enumerate(shares)
    ]


def shares_of_ports(ports: tuple[int, int], parts: int) -> list[tuple[int, int]]:
    """A range of ports in parts that begin with an even port and end with an odd one."""
    first, last = ports[0] + (ports[0] & 1), ports[1]
    pairs = (last - first + 1) // 2
    if pairs < parts:
        raise ValueError(f"{ports[0]}-{ports[1]} has {pairs} pairs of ports for {parts} workers")
    bounds = [first + 2 * (pairs * part // parts) for part in range(parts + 1)]
    return [(begin, end - 1) for begin, end in pairwise(bounds)]


def _moved(place: Place, by: int) -> Place:
    port = place.port + by if place.port else 0
    if port > 65_535:
        raise ValueError(f"port {place.port} leaves none for worker {by}")
    return replace(place, port=port)


def write_plan(plan: WorkerPlan) -> bytes:
    """One line."""
    return msgspec.json.encode(plan) + b"\n"


def read_plan(line: bytes) -> WorkerPlan:
    """Raises `ValueError` for what is none."""
    return msgspec.json.decode(line, type=WorkerPlan)


def write_report(report: StartReport) -> bytes:
    """One line."""
    return msgspec.json.encode(report) + b"\n"


def read_report(line: bytes) -> StartReport:
    """Raises `ValueError` for what is none."""
    return msgspec.json.decode(line, type=StartReport)
