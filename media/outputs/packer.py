"""What every form that is one endless sequence of bytes has in common."""

from collections.abc import Sequence
from typing import Protocol

from media.outputs.configs import Config
from media.outputs.samples import Sample

Message = bytes | str
"""Text is for viewers by WebSocket only."""


class Packer(Protocol):
    """Makes bytes of samples, once for all viewers of a stream.

    `configure` comes first, and again where something changes, always before a key picture.
    """

    def configure(self, config: Config) -> None:
        """What the samples from now on are."""
        ...

    @property
    def head(self) -> Sequence[Message]:
        """What a viewer that begins gets before the first sample."""
        ...

    @property
    def change(self) -> Sequence[Message]:
        """What a viewer that was here before `configure` gets before the next sample."""
        ...

    def follow(self, picture: Sample) -> Sample:
        """The stream's next picture as this form dates it; `pack` gets what comes of it."""
        ...

    def pack(self, samples: Sequence[Sample]) -> bytes:
        """Samples of one kind, in their order; not empty."""
        ...
