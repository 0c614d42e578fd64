"""SIP messages by its grammar (RFC 3261, 25): most parts right, each now and then not.

What is chosen comes from bytes, so that Hypothesis may draw and shorten them, and a fuzzer guided
by coverage may change them. As a program it tries many cases:
`python -m tests.fuzz.grammar --cases 1000000 --seed 1`.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.targets import sip_agent, sip_headers, sip_message, sip_stream

T = TypeVar("T")

CHOICES = 100
"""Decisions in a case: enough for two messages."""

SLICE = 20_000
"""Cases that one search of Hypothesis remembers."""

METHODS = [
    "REGISTER",
    "MESSAGE",
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "OPTIONS",
    "SUBSCRIBE",
    "NOTIFY",
    "Message",
    "FOO",
]
HOSTS = [
    "192.0.2.1",
    "192.0.2.64:5060",
    "3402000000",
    "[2001:db8::1]:5060",
    "a.example",
    "256.1.1.1",
    ":0",
]
USERS = ["34020000002000000001", "34020000001320000001", "0", "admin", "%00", "a;b"]
TOKENS = ["z9hG4bK1", "z9hG4bK2", "z9hG4bK", "x", "0", "4294967296", "-1", "é"]
NUMBERS = ("1", "2", "3", "20", "0", "70", "2147483648", "99999999999999999999", "x", "")
SCHEMES = ("sip:", "sip:", "sip:", "sip:", "sips:", "tel:", "SIP:", "")
URI_ENDS = ("", "", "", "", ";transport=tcp", ";lr;x=%41", "?h=v&h")
ADDRESSES = ("<{}>;tag={}", "<{}>;tag={}", "<{}>;tag={}", "{};tag={}", '"a \\" b" <{}>;{}', "*")
PROTOCOLS = ("UDP", "UDP", "UDP", "TCP", "TLS", "U D P")
VIA_PARTS = ("rport;", "rport;", "rport=1;", "", "received=192.0.2.9;", "maddr=127.0.0.1;")
DIGESTS = ("a" * 32, "A" * 32, "f" * 64, "", "é" * 32)
DIGEST_ENDS = ("algorithm=MD5", 'qop="auth", nc=00000001, cnonce="x"', "algorithm=SM3", '"')
NAMES = [
    "Via",
    "v",
    "VIA",
    "From",
    "f",
    "To",
    "t",
    "Contact",
    "m",
    "Route",
    "Record-Route",
    "Authorization",
    "Expires",
    "Max-Forwards",
]
OTHERS = [
    "l",
    "Min-Expires",
    "Event",
    "o",
    "Subscription-State",
    "Subject",
    "s",
    "Require",
    "k",
    "X-GB-Ver",
    "Date",
    "Supported",
]
BODIES = (
    b"<?xml version='1.0'?><Notify><CmdType>Keepalive</CmdType><SN>1</SN></Notify>",
    b"v=0\r\no=1 0 0 IN IP4 192.0.2.1\r\ns=Play\r\nm=video 1 RTP/AVP 96\r\ny=0100000001\r\n",
    b"",
    b"\0\xff\r\n\r\nBYE sip:a@b SIP/2.0\r\n",
)
STARTS = ("", "", "", "", "", "SIP/2.0 200 OK", "SIP/2.0 401 ", "SIP/2.0 99 x", "SIP/3.0 200 OK")
ENDINGS = ("\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r\n ")
MISTAKES = (*[""] * 20, '"', "<", ">", ";", ",", "\0", "\t", ":", "\\", " " * 40, "=" * 300)
MISCOUNTS = (0, 0, 0, 0, -1, 1, 65_535)


class Choices:
    """Bytes as decisions; when they are used up, the first of everything is chosen."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, bound: int) -> int:
        """A number below `bound`, at most 256."""
        self._at += 1
        return self._data[self._at - 1] % bound if self._at <= len(self._data) else 0

    def of(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[self.below(len(choices))]


def uri(choices: Choices) -> str:
    """`sip:user@host`, with parameters or a mistake now and then."""
    name = f"{choices.of(SCHEMES)}{choices.of(USERS)}@{choices.of(HOSTS)}"
    return name + choices.of(URI_ENDS) + choices.of(MISTAKES)


def address(choices: Choices) -> str:
    """A From, To or Contact."""
    return choices.of(ADDRESSES).format(uri(choices), choices.of(TOKENS)) + choices.of(MISTAKES)


def via(choices: Choices) -> str:
    """One hop."""
    hop = f"SIP/2.0/{choices.of(PROTOCOLS)} {choices.of(HOSTS)};{choices.of(VIA_PARTS)}"
    return f"{hop}branch={choices.of(TOKENS)}{choices.of(MISTAKES)}"


def digest(choices: Choices) -> str:
    """Credentials."""
    return (
        f'Digest username="{choices.of(USERS)}", realm="{choices.of(HOSTS)}", '
        f'nonce="{choices.of(TOKENS)}", uri="{uri(choices)}", '
        f'response="{choices.of(DIGESTS)}", {choices.of(DIGEST_ENDS)}{choices.of(MISTAKES)}'
    )


def further_field(choices: Choices) -> str:
    """A header that not every message has."""
    name = choices.of((*NAMES, *OTHERS))
    value = choices.of((digest, via, address, uri))(choices) if choices.below(2) else ""
    return f"{name}: {value or choices.of(NUMBERS)}"


def message(choices: Choices) -> bytes:
    """A request or a response: the headers every message has, others, a body that may lie."""
    method = choices.of(METHODS)
    usual = [
        f"Via: {via(choices)}",
        f"From: {address(choices)}",
        f"To: {address(choices)}",
        f"Call-ID: {choices.of(TOKENS)}@{choices.of(HOSTS)}",
        f"CSeq: {choices.of(NUMBERS)} {choices.of((method, method, method, method, 'BYE', ''))}",
    ]
    missing = choices.below(48)
    lines = [line for at, line in enumerate(usual) if at + 1 != missing]
    lines += [further_field(choices) for _ in range(choices.below(4))]
    body = choices.of(BODIES)
    if choices.below(2):
        lines.append(f"Content-Length: {len(body) + choices.of(MISCOUNTS)}")
    start = choices.of(STARTS) or f"{method} {uri(choices)} SIP/2.0"
    return choices.of(ENDINGS).join([start, *lines, "", ""]).encode() + body


def try_everything(data: bytes) -> None:
    """Two messages by the grammar: each alone, as a conversation, and as a stream."""
    choices = Choices(data)
    first, second = message(choices), message(choices)
    sip_message(second)
    sip_headers(address(choices).encode())
    sip_agent(b"\n---\n".join((first, second, second)))
    sip_stream(bytes(range(1, 17)) + first + second)


def search(cases: int, number: int) -> None:
    """Try so many; the same `number` tries the same."""

    @settings(
        max_examples=min(cases, SLICE),
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(data=st.binary(min_size=CHOICES, max_size=CHOICES))
    def tried(data: bytes) -> None:
        try_everything(data)

    # Hypothesis remembers every case it tried; slices keep that memory small.
    for part in range(-(-cases // SLICE)):
        seed(number * 1_000_003 + part)(tried)()


def main() -> None:
    """Read the command line and search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    search(options.cases, options.seed)
    sys.stdout.write(f"grammar: {options.cases} cases of seed {options.seed}, clean\n")


if __name__ == "__main__":
    main()
