"""Who this server is, as devices and people reach it."""

import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["zh", "en"]
"""What people are told is there in both."""

LOOPBACK = "127.0.0.1"
ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  compared, not bound
_ELSEWHERE = "192.0.2.1"  # reserved for documentation: routed like any address abroad, never asked


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server that players are told of; `username` and `password` of a TURN one."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Site:
    """What the page tells an installer; `warnings` are codes the API explains."""

    version: str
    server_id: str
    domain: str
    addresses: Sequence[str]
    sip_port: int
    time_zone: str
    admission: str
    require_digest: bool
    has_shared_password: bool
    warnings: Sequence[str]
    redirects: Mapping[str, str] = field(default_factory=dict[str, str])
    """SIP URI by the first digits of the device IDs that are sent there."""
    online_target: float = 0.9
    coverage_limit: float = 0.95
    cut_off_day: int = 25
    report_level: int = 6


def addresses_of(bound: str, advertised: Iterable[str]) -> list[str]:
    """The addresses by which a socket bound to `bound` is reached; the likeliest first.

    Advertised ones come before the machine's own; loopback comes last.
    """
    if bound not in ANYWHERE:
        return list(dict.fromkeys([*advertised, bound]))
    return list(dict.fromkeys([*advertised, *_own_addresses(), LOOPBACK]))


def _own_addresses() -> list[str]:
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_ELSEWHERE, 9))
            found.append(str(probe.getsockname()[0]))
        except OSError:  # no route at all: a machine without a network
            pass
    try:
        infos = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    except OSError:
        infos = []
    found += [str(info[4][0]) for info in infos]
    return [host for host in found if not ip_address(host).is_loopback]
