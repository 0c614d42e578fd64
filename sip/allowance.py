"""What strangers may cost: answers and bytes a second, by port, host and network, bounded memory.

It keeps the server from being a reflector: an answer goes to an address that a stranger may have
forged. Counted by port alone, a host with sixty thousand of them would have sixty thousand
allowances; counted by host alone, a site whose cameras share one address could not come back after
a power cut. So both count, and a host's allowance grows with the devices that are registered there.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from ipaddress import IPv6Address
from typing import Final

from sip.message import Address

MAX_SOURCES: Final = 65_536
"""Kept by each of the three counts. A source unseen for a second has its whole allowance again, so
that more than this many different ones in one second would be needed to gain anything."""

FORGOTTEN_AT_ONCE: Final = 2
"""Such sources go while others come, two for each: a city that registered is not kept for ever."""

MAX_SHARE: Final = 200
"""A host with registered devices gets at most this many strangers' allowances."""

NETWORK_SHARE: Final = 100
"""All strangers of one network together get this many."""


def host_of(host: str) -> str:
    """What counts as one host: an IPv4 address, or the /64 that one owner has in IPv6."""
    return host if ":" not in host else _prefix(host, 64)


def network_of(host: str) -> str:
    """What counts as one network: a /24 in IPv4, a /48 in IPv6."""
    return f"{host.rpartition('.')[0]}.0/24" if ":" not in host else _prefix(host, 48)


def _prefix(host: str, bits: int) -> str:
    try:
        number = int(IPv6Address(host.partition("%")[0]))
    except ValueError:
        return host
    return f"{IPv6Address(number >> (128 - bits) << (128 - bits))}/{bits}"


class Allowance:
    """One second's worth of answers per source, refilled steadily; the longest unseen are dropped.

    `share` multiplies the allowance; it has to be given alike each time, as far as it is alike.
    """

    __slots__ = ("_answers_per_s", "_bytes_per_s", "_sources")

    def __init__(self, answers_per_s: float, bytes_per_s: float) -> None:
        self._answers_per_s = answers_per_s
        self._bytes_per_s = bytes_per_s
        # source -> (answers left, bytes left, as of when)
        self._sources: OrderedDict[Hashable, tuple[float, float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sources)

    def has_room(
        self, source: Hashable, now: float, *, size_bytes: int = 1, share: float = 1.0
    ) -> bool:
        """Whether this source may get one more answer, of that size, now."""
        answers, octets = self.left(source, now, share)
        return answers >= 1 and octets >= size_bytes

    def spend(self, source: Hashable, size_bytes: int, now: float, *, share: float = 1.0) -> bool:
        """Use an answer of this size up; False when it may not be sent."""
        answers, octets = self.left(source, now, share)
        if answers < 1 or octets < size_bytes:
            return False
        self.keep(source, answers - 1, octets - size_bytes, now)
        return True

    def keep(self, source: Hashable, answers: float, octets: float, now: float) -> None:
        """So much is left of it as of now."""
        sources = self._sources
        sources[source] = (answers, octets, now)
        sources.move_to_end(source)
        if len(sources) > MAX_SOURCES:
            sources.popitem(last=False)
        for _ in range(FORGOTTEN_AT_ONCE):
            longest_unseen = next(iter(sources))
            if now - sources[longest_unseen][2] <= 1.0:
                break
            del sources[longest_unseen]

    @staticmethod
    def spend_in_all(
        counts: Iterable[tuple["Allowance", Hashable, float]], size_bytes: int, now: float
    ) -> bool:
        """Use an answer up in several counts, each with its source and share, or in none."""
        left: list[tuple[Allowance, Hashable, float, float]] = []
        for count, source, share in counts:
            answers, octets = count.left(source, now, share)
            if answers < 1 or octets < size_bytes:
                return False
            left.append((count, source, answers - 1, octets - size_bytes))
        for count, source, answers, octets in left:
            count.keep(source, answers, octets, now)
        return True

    def left(self, source: Hashable, now: float, share: float) -> tuple[float, float]:
        """Answers and bytes that it has now."""
        answers_per_s, bytes_per_s = self._answers_per_s * share, self._bytes_per_s * share
        noted = self._sources.get(source)
        if noted is None:
            return answers_per_s, bytes_per_s
        answers, octets, since = noted
        passed_s = max(0.0, now - since)
        return (
            min(answers_per_s, answers + passed_s * answers_per_s),
            min(bytes_per_s, octets + passed_s * bytes_per_s),
        )


class StrangersAllowance:
    """The three counts together. `registered` is how many devices are registered at the host."""

    __slots__ = ("_hosts", "_networks", "_ports")

    def __init__(self, answers_per_s: float, bytes_per_s: float) -> None:
        self._ports = Allowance(answers_per_s, bytes_per_s)
        self._hosts = Allowance(answers_per_s, bytes_per_s)
        self._networks = Allowance(answers_per_s * NETWORK_SHARE, bytes_per_s * NETWORK_SHARE)

    def has_room(
        self, source: Address, now: float, *, registered: int = 0, size_bytes: int = 1
    ) -> bool:
        """Whether this source may get one more answer, of that size, now."""
        return (
            self._ports.has_room(source, now, size_bytes=size_bytes)
            and self._hosts.has_room(
                host_of(source.host), now, size_bytes=size_bytes, share=_share(registered)
            )
            and (
                registered > 0
                or self._networks.has_room(network_of(source.host), now, size_bytes=size_bytes)
            )
        )

    def spend(self, source: Address, size_bytes: int, now: float, *, registered: int = 0) -> bool:
        """Use an answer of this size up, in every count; False when it may not be sent."""
        counts: list[tuple[Allowance, Hashable, float]] = [
            (self._ports, source, 1.0),
            (self._hosts, host_of(source.host), _share(registered)),
        ]
        if not registered:
            counts.append((self._networks, network_of(source.host), 1.0))
        return Allowance.spend_in_all(counts, size_bytes, now)


def _share(registered: int) -> float:
    return min(1.0 + registered, MAX_SHARE)
