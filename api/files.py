"""Files that are made for one answer."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send


class TemporaryFile:
    """A path that `place` lends; it is given back when the answer is out, or nobody wants it."""

    def __init__(self, place: AbstractAsyncContextManager[Path]) -> None:
        self._place = place
        self._stack = AsyncExitStack()
        self._path = Path()

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[Path]:
        """Where to write; what goes wrong here gives the path back at once."""
        self._path = await self._stack.enter_async_context(self._place)
        try:
            yield self._path
        except BaseException:
            await self._stack.aclose()
            raise

    def response(self, file_name: str, content_type: str) -> FileResponse:
        """What was written, as a download."""
        return _Lent(self._stack, self._path, media_type=content_type, filename=file_name)


class _Lent(FileResponse):
    def __init__(
        self, stack: AsyncExitStack, path: Path, *, media_type: str, filename: str
    ) -> None:
        super().__init__(path, media_type=media_type, filename=filename)
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Not a background task: none runs when whoever asked goes away.
        async with self._stack:
            await super().__call__(scope, receive, send)
