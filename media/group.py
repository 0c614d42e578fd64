"""What whoever comes late can begin with: the last key picture and those since, bounded."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

GROUP_LIMIT_UNITS = 300
GROUP_LIMIT_BYTES = 8 * 2**20
"""A group beyond either is let go of: whoever comes then waits for the next key picture."""


class Coded(Protocol):
    """A picture, in whatever shape."""

    data: bytes


Picture = TypeVar("Picture", bound=Coded)


class Group(Generic[Picture]):
    """The last key picture and those since; whole or empty, for nothing follows on a gap.

    A list once given out as `pictures` grows until the group ends, and is never emptied.
    """

    __slots__ = ("_bytes", "_pictures")

    def __init__(self) -> None:
        self._pictures: list[Picture] = []
        self._bytes = 0

    @property
    def pictures(self) -> Sequence[Picture]:
        """The key picture first."""
        return self._pictures

    def add(self, picture: Picture, starts: bool) -> int:
        """The next one; `starts`: it is a key picture, and those before it are done with.

        How many were given up: this one where what it builds on is not here, all of the group where
        they have become too many.
        """
        pictures = self._pictures
        if starts:
            pictures = self._pictures = []
            self._bytes = 0
        elif not pictures:
            return 1
        pictures.append(picture)
        size = self._bytes = self._bytes + len(picture.data)
        if len(pictures) > GROUP_LIMIT_UNITS or size > GROUP_LIMIT_BYTES:
            self._pictures = []
            return len(pictures)
        return 0

    def clear(self) -> None:
        """Until the next key picture there is none."""
        self._pictures = []
