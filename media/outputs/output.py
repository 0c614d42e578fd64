"""What the relay asks of every form of output, and what it lends them."""

from typing import Protocol

from media.door import StreamId, ViewerFigures, ViewerId
from media.variants import Variants


class Output(Protocol):
    """All viewers of one form in this process. Viewers that leave are told of by `ViewerLeft`."""

    @property
    def viewer_count(self) -> int:
        """Viewers that are here."""
        ...

    def figures(self, stream_id: StreamId) -> tuple[ViewerFigures, ...]:
        """The stream's viewers of this form as they stand."""
        ...

    def leave(self, viewer_id: ViewerId, reason: str) -> None:
        """End one viewer; one that is not here changes nothing."""
        ...

    def leave_all(self, stream_id: StreamId, reason: str) -> None:
        """End every viewer of a stream."""
        ...

    async def start(self) -> None:
        """Bind the port. `OSError` when it is taken."""
        ...

    async def stop(self) -> None:
        """End every viewer and give back the port. Idempotent."""
        ...


class Streams(Protocol):
    """How outputs find a stream: `media.relay.Relay`."""

    def variants(self, stream_id: StreamId) -> Variants:
        """The stream as it came and as it can be had; `MediaError` with `NO_STREAM`."""
        ...
