"""Tokens of media URLs that a worker knows from forged ones without asking anybody."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

_KEY_BYTES = 32
_RANDOM_BYTES = 24
_TAG_BYTES = 9
"""Both together are whole groups of base64, without padding."""
_LENGTH = (_RANDOM_BYTES + _TAG_BYTES) // 3 * 4


class Seal:
    """Makes tokens, 192 random bits and a tag by `key`, and tells them from all others.

    Whoever holds the key can make tokens that look right, and none that count: what a token is good
    for is known only to whoever lent it. `ValueError` for a key that is not as `key` gives it.
    """

    def __init__(self, key: str | None = None) -> None:
        self._key = secrets.token_bytes(_KEY_BYTES) if key is None else bytes.fromhex(key)
        if len(self._key) != _KEY_BYTES:
            raise ValueError(f"a seal's key has {_KEY_BYTES} bytes")

    @property
    def key(self) -> str:
        """In hexadecimal digits."""
        return self._key.hex()

    def token(self) -> str:
        """A new one."""
        return self._sealed(secrets.token_bytes(_RANDOM_BYTES))

    def is_ours(self, token: str) -> bool:
        """It was made with this key."""
        if len(token) != _LENGTH or not token.isascii():
            return False
        try:
            random = urlsafe_b64decode(token)[:_RANDOM_BYTES]
        except ValueError:
            return False
        return hmac.compare_digest(self._sealed(random), token)

    def _sealed(self, random: bytes) -> str:
        tag = hashlib.blake2b(random, key=self._key, digest_size=_TAG_BYTES).digest()
        return urlsafe_b64encode(random + tag).decode()
