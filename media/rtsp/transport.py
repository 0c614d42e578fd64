"""The `Transport` header (RFC 2326, 12.39): how a viewer wants to get a track. Pure."""

import re
from dataclasses import dataclass

SPECS_LIMIT = 8
_NUMBERS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Interleave:
    """Between the requests of the connection, on these channels."""

    rtp: int
    rtcp: int


@dataclass(frozen=True, slots=True)
class UdpPorts:
    """To these ports of the viewer's host."""

    rtp: int
    rtcp: int


Delivery = Interleave | UdpPorts


def parse_transport(text: str, free_channel: int) -> Delivery | None:
    """The first of the ways asked for that we serve; None: none of them.

    Interleaved without channels gets `free_channel` and the next. A `destination` is not heeded:
    nothing is sent to where the connection does not come from.
    """
    for spec in text.split(",")[:SPECS_LIMIT]:
        protocol, *options = (part.strip() for part in spec.split(";"))
        asked = dict(_option(option) for option in options)
        if "multicast" in asked or asked.get("mode", "play").strip('"').lower() != "play":
            continue
        match protocol.upper():
            case "RTP/AVP/TCP":
                pair = _pair(asked.get("interleaved", f"{free_channel}-{free_channel + 1}"), 255)
                if pair is not None and pair[0] != pair[1]:
                    return Interleave(*pair)
            case "RTP/AVP" | "RTP/AVP/UDP":
                pair = _pair(asked.get("client_port", ""), 65_535)
                if pair is not None and 0 not in pair and pair[0] != pair[1]:
                    return UdpPorts(*pair)
            case _:
                continue
    return None


def _option(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip()


def _pair(text: str, highest: int) -> tuple[int, int] | None:
    found = _NUMBERS.fullmatch(text)
    if found is None:
        return None
    first = int(found[1])
    second = int(found[2]) if found[2] else first + 1
    return (first, second) if max(first, second) <= highest else None
