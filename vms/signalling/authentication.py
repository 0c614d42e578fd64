"""Digest as policy: whose secret, which nonces, what a REGISTER proved (RFC 3261, 22)."""

from collections.abc import Sequence
from typing import NamedTuple

from sip.digest import (
    Nonces,
    NonceVerdict,
    challenge_header,
    parse_credentials,
    verify,
)
from sip.errors import ProtocolError
from vms.clock import Clock
from vms.gb28181.ids import DeviceId
from vms.inventory.model import Device
from vms.inventory.registration import DigestVerdict, Secrets
from vms.signalling.registration_asked import Asked

STRONGEST_FIRST = ("SHA-256", "MD5")
"""For devices of 2022: who knows both takes the first it knows (RFC 8760, 2.4)."""

OLDEST_FIRST = ("MD5", "SHA-256")
"""For older devices: many look at the first challenge only, and know no hash but MD5."""

WITHOUT_CHOICE = "MD5"
"""Where two challenges would make the answer too long for its request."""

_OF_NONCE = {
    NonceVerdict.FRESH: DigestVerdict.RIGHT,
    NonceVerdict.STALE: DigestVerdict.STALE,
    NonceVerdict.REPLAYED: DigestVerdict.STALE,
    NonceVerdict.FORGED: DigestVerdict.FORGED,
}


class Proof(NamedTuple):
    """What a REGISTER's credentials showed; `username` None when it brought none.

    `is_our_realm` False: they answer the challenge of another domain. `oddities` are the habits
    that were put up with to find them right (T6).
    """

    verdict: DigestVerdict
    username: str | None
    is_our_realm: bool = True
    oddities: tuple[str, ...] = ()


class Authenticator:
    """Judges credentials and makes challenges. Secrets never leave it."""

    def __init__(self, nonces: Nonces, secrets: Secrets, realm: str, clock: Clock) -> None:
        self._nonces = nonces
        self._secrets = secrets
        self._realm = realm
        self._clock = clock

    def can_judge(self, device: Device | None) -> bool:
        """Whether a right digest can be told from a wrong one; `device` None: not on file."""
        return device is not None or self._secrets.is_shared

    def verify(self, asked: Asked, device: Device | None) -> Proof:
        """The verdict on a REGISTER; `device` is None while not on file.

        The digest comes before the nonce, so that nobody without the secret uses up a nonce; a
        `uri` that differs from the Request-URI is tolerated (some devices put their domain there).
        """
        header, device_id = asked.authorization, asked.device_id
        if header is None:
            return Proof(DigestVerdict.ABSENT, None)
        try:
            credentials = parse_credentials(header)
        except ProtocolError:
            return Proof(DigestVerdict.ABSENT, None)
        username = credentials.username
        if credentials.realm != self._realm:
            return Proof(DigestVerdict.FORGED, username, is_our_realm=False)
        if device is not None:
            secret = self._secrets.of(device)
        else:
            secret = self._secrets.of_stranger(device_id)
        verified = verify(credentials, asked.method, secret, request_uri=asked.uri)
        if not verified.is_right:
            return Proof(self._secrets.wrong(device), username)
        judged = self._nonces.judge(credentials, device_id, self._clock.wall().timestamp())
        return Proof(_OF_NONCE[judged], username, oddities=verified.oddities)

    def challenges(
        self, device_id: DeviceId, algorithms: Sequence[str], *, stale: bool
    ) -> list[tuple[str, str]]:
        """WWW-Authenticate headers with a fresh nonce, without qop: what every device takes."""
        nonce = self._nonces.issue(self._clock.wall().timestamp(), device_id)
        return [
            (
                "WWW-Authenticate",
                challenge_header(self._realm, nonce, algorithm=algorithm, stale=stale),
            )
            for algorithm in algorithms
        ]
