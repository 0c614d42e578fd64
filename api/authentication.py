"""Who asks, and may they: deny by default.

A bearer token (of a sign-in or an API key) in `Authorization`, or the session cookie of the page.
A write by cookie has to come from our own page. Rights are decided by `vms.accounts.rights`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Security
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.requests import Request

from api.errors import ForeignOriginError, UnauthenticatedError
from api.guard import SAFE_METHODS, is_same_origin
from api.ports import Server
from vms.accounts.model import Actor, Principal
from vms.accounts.rights import Action, may
from vms.errors import ForbiddenError
from vms.sessions.tokens import MediaTokens

SESSION_COOKIE = "vms_session"

# For the OpenAPI document; the header and the cookie are read below, so that a refusal is ours.
_BEARER = HTTPBearer(auto_error=False, description="An access token or an API key.")
_COOKIE = APIKeyCookie(name=SESSION_COOKIE, auto_error=False, description="The page's session.")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. The credential is kept only to be judged again; it is never shown."""

    principal: Principal
    credential: str = field(repr=False)
    source: str

    @property
    def actor(self) -> Actor:
        """As the audit names them."""
        return Actor(self.principal.name, self.source)

    def require(self, action: Action) -> None:
        """Raises `ForbiddenError` where the role does not allow it."""
        if not may(self.principal.role, action):
            raise ForbiddenError(f"{self.principal.role} may not {action}", action=action)


def server_of(request: Request) -> Server:
    """The application beneath."""
    return cast("Server", request.app.state.server)


def media_tokens_of(request: Request) -> MediaTokens:
    """The tokens of media URLs."""
    return server_of(request).media_tokens


def source_of(request: Request) -> str:
    """The address of whoever asks; who forwards is believed only as `http.trusted_proxies`."""
    return request.client.host if request.client is not None else ""


def credential_of(request: Request) -> str | None:
    """The bearer token, else the cookie; raises `ForeignOriginError` for another site's write."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    cookie = request.cookies.get(SESSION_COOKIE)
    if cookie and request.method not in SAFE_METHODS and not is_same_origin(request.headers):
        raise ForeignOriginError("a write by cookie has to come from our own page")
    return cookie


async def judge(server: Server, credential: str | None, source: str) -> Caller:
    """Whose credential it is; raises `UnauthenticatedError`."""
    if credential is None:
        raise UnauthenticatedError("this needs an access token, an API key or a session")
    principal = await server.accounts.authenticate(credential)
    if principal is None:
        raise UnauthenticatedError("this credential does not count, or counts no longer")
    return Caller(principal, credential, source)


async def signed_in(
    request: Request,
    _bearer: Annotated[object, Security(_BEARER)],
    _cookie: Annotated[object, Security(_COOKIE)],
) -> Caller:
    """Who asks; every route but a few named ones stands behind this."""
    return await judge(server_of(request), credential_of(request), source_of(request))


CallerHere = Annotated[Caller, Depends(signed_in)]


def allowed(action: Action) -> Callable[..., Awaitable[Caller]]:
    """A dependency: signed in, and the role allows the action."""

    async def check(caller: CallerHere) -> Caller:
        caller.require(action)
        return caller

    return check


Reader = Annotated[Caller, Depends(allowed(Action.READ))]
Watcher = Annotated[Caller, Depends(allowed(Action.WATCH))]
Operator = Annotated[Caller, Depends(allowed(Action.CONTROL))]
Configurer = Annotated[Caller, Depends(allowed(Action.CONFIGURE))]
Administrator = Annotated[Caller, Depends(allowed(Action.ADMINISTER))]
Reporter = Annotated[Caller, Depends(allowed(Action.REPORT))]
AuditReader = Annotated[Caller, Depends(allowed(Action.AUDIT))]
TheServer = Annotated[Server, Depends(server_of)]
