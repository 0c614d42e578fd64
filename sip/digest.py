"""Digest access authentication (RFC 3261, 22; RFC 2617 and 7616; hash choice by RFC 8760).

Both ends: a server that checks credentials and issues nonces it need not remember, and a client
that answers a challenge. Passwords and the hashes made of them never leave this module's frames.
"""

import base64
import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from sip.errors import ProtocolError
from sip.uri import quote, split_outside_quotes, unquote

NONCE_LIFE_S: Final = 300
"""A nonce older than this is answered with `stale=true`."""

MAX_REMEMBERED_NONCES: Final = 100_000


def _md5(text: bytes) -> str:
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


HASHES: Final[Mapping[str, Callable[[bytes], str]]] = {"MD5": _md5, "SHA-256": _sha256}
"""What `algorithm` may name; the first is meant where it is absent."""


class Credentials(NamedTuple):
    """An Authorization header. `algorithm` is in upper case; the rest is literally as sent.

    `says_algorithm` is false where the header left it to be MD5.
    """

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str | None = None
    nc: str | None = None
    cnonce: str | None = None
    says_algorithm: bool = True


class Verification(NamedTuple):
    """Whether a response was right, and what was put up with to find it so, by name."""

    is_right: bool
    oddities: tuple[str, ...] = ()


DIGEST_ALGORITHM_MISSING: Final = "digest_algorithm_missing"
DIGEST_QOP_MISSING: Final = "digest_qop_missing"
DIGEST_UPPER_CASE_HEX: Final = "digest_upper_case_hex"
DIGEST_URI_MISMATCH: Final = "digest_uri_mismatch"
DIGEST_UPPER_CASE_METHOD: Final = "digest_upper_case_method"
DIGEST_ODDITIES: Final = frozenset(
    {
        DIGEST_ALGORITHM_MISSING,
        DIGEST_QOP_MISSING,
        DIGEST_UPPER_CASE_HEX,
        DIGEST_URI_MISMATCH,
        DIGEST_UPPER_CASE_METHOD,
    }
)
"""Every name that `verify` may tell."""


class Challenge(NamedTuple):
    """A WWW-Authenticate header; `qop` holds what is offered, in lower case."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    stale: bool = False
    opaque: str | None = None


class DigestInput(Protocol):
    """What a response is computed from: `Credentials` has it."""

    @property
    def username(self) -> str: ...
    @property
    def realm(self) -> str: ...
    @property
    def nonce(self) -> str: ...
    @property
    def uri(self) -> str: ...
    @property
    def algorithm(self) -> str: ...
    @property
    def qop(self) -> str | None: ...
    @property
    def nc(self) -> str | None: ...
    @property
    def cnonce(self) -> str | None: ...


_USUAL: Final = re.compile(
    r'Digest username="([^"\\]+)", ?realm="([^"\\]+)", ?nonce="([^"\\]+)", ?uri="([^"\\]+)", ?'
    r'response="([^"\\]+)"(?:, ?algorithm=(?:([\w-]+)|"([\w-]+)"))?'
)
"""Without qop, in the order of nearly all devices."""


def parse_credentials(header: str) -> Credentials:
    """Read an Authorization value; ProtocolError unless it is a complete Digest.

    Values may be quoted or not: devices write `algorithm="MD5"` and `qop="auth"` too.
    """
    usual = _USUAL.fullmatch(header)
    if usual is not None:
        username, realm, nonce, uri, response, bare, quoted = usual.groups()
        algorithm = bare or quoted
        return Credentials(
            username,
            realm,
            nonce,
            uri,
            response,
            (algorithm or "MD5").upper(),
            says_algorithm=bool(algorithm),
        )
    params = _digest_params(header)
    missing = [
        name for name in ("username", "realm", "nonce", "uri", "response") if not params[name]
    ]
    if missing:
        raise ProtocolError("incomplete digest credentials")
    qop = params["qop"]
    nc = params["nc"]
    if qop:
        qop = qop.lower()
        if not nc or len(nc) > 8 or not all(digit in "0123456789abcdefABCDEF" for digit in nc):
            raise ProtocolError("nonce count is not a hexadecimal number")
        if params["cnonce"] is None:
            raise ProtocolError("qop without a client nonce")
    return Credentials(
        username=params["username"] or "",
        realm=params["realm"] or "",
        nonce=params["nonce"] or "",
        uri=params["uri"] or "",
        response=params["response"] or "",
        algorithm=(params["algorithm"] or "MD5").upper(),
        qop=qop or None,
        nc=nc,
        cnonce=params["cnonce"],
        says_algorithm=bool(params["algorithm"]),
    )


def parse_challenge(header: str) -> Challenge:
    """Read a WWW-Authenticate value; ProtocolError unless it is a Digest with realm and nonce."""
    params = _digest_params(header)
    realm, nonce = params["realm"], params["nonce"]
    if realm is None or not nonce:
        raise ProtocolError("incomplete digest challenge")
    offered = tuple(word for piece in (params["qop"] or "").split(",") if (word := piece.strip()))
    return Challenge(
        realm=realm,
        nonce=nonce,
        algorithm=(params["algorithm"] or "MD5").upper(),
        qop=tuple(word.lower() for word in offered),
        stale=(params["stale"] or "").lower() == "true",
        opaque=params["opaque"],
    )


class _Params(dict[str, str | None]):
    """Absent parameters read as None."""

    def __missing__(self, key: str) -> None:
        return None


def _digest_params(header: str) -> _Params:
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "digest":
        raise ProtocolError("not a digest", 401)
    params = _Params()
    for piece in split_outside_quotes(rest, ","):
        name, equals, value = piece.partition("=")
        key = name.strip().lower()
        if equals and key not in params:
            params[key] = unquote(value.strip())
    return params


def response_digest(credentials: DigestInput, method: str, password: str) -> str:
    """The hexadecimal response for this method, with or without `qop=auth`.

    ProtocolError for an algorithm or a qop that is not spoken here.
    """
    hashed = HASHES.get(credentials.algorithm)
    if hashed is None:
        raise ProtocolError("digest algorithm is not spoken here", 401)
    a1 = hashed(_octets(f"{credentials.username}:{credentials.realm}:{password}"))
    a2 = _hash_of_request(hashed, method, credentials.uri)
    if credentials.qop is None:
        return hashed(_octets(f"{a1}:{credentials.nonce}:{a2}"))
    if credentials.qop != "auth":
        raise ProtocolError("digest qop is not spoken here", 401)
    middle = f"{credentials.nonce}:{credentials.nc}:{credentials.cnonce}:{credentials.qop}"
    return hashed(_octets(f"{a1}:{middle}:{a2}"))


@lru_cache(maxsize=256)
def _hash_of_request(hashed: Callable[[bytes], str], method: str, uri: str) -> str:
    """H(A2): all devices register with one URI, and there is no secret in it."""
    return hashed(_octets(f"{method}:{uri}"))


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def verify(
    credentials: Credentials,
    method: str,
    password: str,
    *,
    request_uri: str,
    offered_qop: bool = False,
) -> Verification:
    """Whether the response was made with this password; compared in constant time.

    `method` is the literal one of the request line; its upper case counts too, for devices that
    write `Register` and hash `REGISTER`. A `uri` other than the Request-URI, hexadecimal digits in
    upper case, and a missing algorithm or qop are told, not refused.
    """
    spelling = _spelling_that_fits(credentials, method, password)
    if spelling is None:
        return Verification(is_right=False)
    tests = {
        DIGEST_ALGORITHM_MISSING: not credentials.says_algorithm,
        DIGEST_QOP_MISSING: offered_qop and credentials.qop is None,
        DIGEST_UPPER_CASE_HEX: credentials.response != credentials.response.lower(),
        DIGEST_URI_MISMATCH: credentials.uri != request_uri,
        DIGEST_UPPER_CASE_METHOD: spelling != method,
    }
    return Verification(
        is_right=True, oddities=tuple(name for name, applies in tests.items() if applies)
    )


def _spelling_that_fits(credentials: Credentials, method: str, password: str) -> str | None:
    given = _octets(credentials.response.lower())
    for spelling in dict.fromkeys((method, method.upper())):
        try:
            wanted = response_digest(credentials, spelling, password)
        except ProtocolError:
            return None
        if hmac.compare_digest(wanted.encode(), given):
            return spelling
    return None


def challenge_header(
    realm: str,
    nonce: str,
    *,
    algorithm: str = "MD5",
    qop: str | None = None,
    stale: bool = False,
) -> str:
    """The value of a WWW-Authenticate header; without `qop` it is what old cameras understand."""
    optional = (f', qop="{qop}"' if qop else "") + (", stale=true" if stale else "")
    return f'Digest realm={quote(realm)}, nonce="{nonce}", algorithm={algorithm}{optional}'


def choose_challenge(headers: Iterable[str]) -> Challenge | None:
    """The first challenge that can be answered; a server puts the one it likes best first."""
    for header in headers:
        try:
            challenge = parse_challenge(header)
        except ProtocolError:
            continue
        if challenge.algorithm in HASHES and (not challenge.qop or "auth" in challenge.qop):
            return challenge
    return None


def authorization(
    challenge: Challenge,
    method: str,
    uri: str,
    username: str,
    password: str,
    cnonce: str,
    nc: int = 1,
) -> str:
    """The value of an Authorization header that answers the challenge; `qop=auth` if offered.

    ProtocolError for an algorithm that is not spoken here.
    """
    with_qop = "auth" in challenge.qop
    credentials = Credentials(
        username=username,
        realm=challenge.realm,
        nonce=challenge.nonce,
        uri=uri,
        response="",
        algorithm=challenge.algorithm,
        qop="auth" if with_qop else None,
        nc=f"{nc:08x}" if with_qop else None,
        cnonce=cnonce if with_qop else None,
    )
    response = response_digest(credentials, method, password)
    parts = [
        f"username={quote(username)}",
        f"realm={quote(challenge.realm)}",
        f"nonce={quote(challenge.nonce)}",
        f'uri="{uri}"',
        f'response="{response}"',
        f"algorithm={challenge.algorithm}",
    ]
    if with_qop:
        parts += [f"cnonce={quote(cnonce)}", "qop=auth", f"nc={credentials.nc}"]
    if challenge.opaque is not None:
        parts.append(f"opaque={quote(challenge.opaque)}")
    return "Digest " + ", ".join(parts)


class NonceVerdict(Enum):
    """What is to be thought of a nonce; everything but FRESH earns a new challenge."""

    FRESH = "fresh"
    STALE = "stale"
    FORGED = "forged"
    REPLAYED = "replayed"


_WITHOUT_COUNT: Final = 1 << 40
"""Remembered for a nonce used without `nc`: higher than any eight hexadecimal digits."""

_NONCE_CHARACTERS: Final = 32
_COUNTER_BITS: Final = 20
"""Of a stamp's 64; the rest are milliseconds since 1970."""

_EARLY_MS: Final = 1_000
"""Nonces may lie so far in the future: a clock was set back a little."""


class Nonces:
    """Issues nonces that carry their own proof, and judges those that come back.

    A nonce is issue time in milliseconds, a counter and a MAC over both, the realm and the From
    user (BLAKE2 with a key, at a third of the price of an HMAC): 32 characters, which old devices
    can store. It is bound to no address, because addresses change behind NAT. Only nonces that were
    used are remembered; when there are too many, the oldest are forgotten together with everything
    issued before them.

    What was used before `started_s`, wall time in seconds, nobody remembers: nonces of an earlier
    life are stale. With the key kept over restarts they are known as such, and a device in the
    middle of its registration answers the new challenge at once.
    """

    __slots__ = ("_counter", "_first_ms", "_floor_ms", "_highest", "_key", "_realm")

    def __init__(self, key: bytes, realm: str, started_s: float = 0.0) -> None:
        if not 16 <= len(key) <= hashlib.blake2b.MAX_KEY_SIZE:
            raise ValueError("a nonce key has at least 16 bytes, at most 64")
        self._key = key
        self._realm = realm
        self._counter = 0
        # what a nonce says -> highest count used, the longest unused first
        self._highest: OrderedDict[bytes, int] = OrderedDict()
        # The next millisecond: an earlier life may have issued nonces until this one began.
        self._floor_ms = self._first_ms = _ms(started_s) + 1

    def issue(self, now_s: float, from_user: str) -> str:
        """A nonce for this user; `now_s` is wall time in seconds."""
        self._counter = (self._counter + 1) % (1 << _COUNTER_BITS)
        now_ms = _ms(now_s)
        if now_ms < self._first_ms - _EARLY_MS:
            # The clock was set back: nonces of an earlier life lie in the future, and are stale.
            self._first_ms = self._floor_ms = now_ms
        issued_ms = max(now_ms, self._first_ms)
        stamp = (issued_ms << _COUNTER_BITS | self._counter).to_bytes(8, "big")
        return _text_of(stamp + self._proof(stamp, from_user))

    def judge(self, credentials: Credentials, from_user: str, now_s: float) -> NonceVerdict:
        """Judge and, where the verdict is FRESH, use the nonce up to this count.

        Ask only after `verify`: then nobody without the password can use up a nonce.
        """
        octets = _octets_of(credentials.nonce)
        if octets is None or not hmac.compare_digest(
            octets[8:], self._proof(octets[:8], from_user)
        ):
            return NonceVerdict.FORGED
        issued_ms = _issued_ms(octets)
        age_ms = _ms(now_s) - issued_ms
        if not -_EARLY_MS <= age_ms <= NONCE_LIFE_S * 1_000 or issued_ms < self._floor_ms:
            return NonceVerdict.STALE
        count = int(credentials.nc, 16) if credentials.qop and credentials.nc else _WITHOUT_COUNT
        highest = self._highest.get(octets, -1)
        if count <= highest or (highest >= 0 and count == _WITHOUT_COUNT):
            return NonceVerdict.REPLAYED
        self._highest[octets] = count
        self._highest.move_to_end(octets)
        self._forget(now_s)
        return NonceVerdict.FRESH

    def _forget(self, now_s: float) -> None:
        oldest = next(iter(self._highest))
        issued_ms = _issued_ms(oldest)
        if len(self._highest) > MAX_REMEMBERED_NONCES:
            self._floor_ms = max(self._floor_ms, issued_ms + 1)
            del self._highest[oldest]
        elif issued_ms + NONCE_LIFE_S * 1_000 < _ms(now_s):
            del self._highest[oldest]

    def _proof(self, stamp: bytes, from_user: str) -> bytes:
        text = stamp + _octets(f"{self._realm}\0{from_user}")
        return hashlib.blake2b(text, digest_size=16, key=self._key).digest()


def _text_of(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode("ascii")


def _octets_of(nonce: str) -> bytes | None:
    if len(nonce) != _NONCE_CHARACTERS or not nonce.isascii():
        return None
    try:
        return base64.b64decode(nonce, altchars=b"-_", validate=True)
    except ValueError:
        return None


def _issued_ms(octets: bytes) -> int:
    return int.from_bytes(octets[:8], "big") >> _COUNTER_BITS


def _ms(wall_s: float) -> int:
    return int(wall_s * 1_000)
