"""Signing in and out, the first administrator, users, API keys, and who did what."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import (
    SESSION_COOKIE,
    Administrator,
    AuditReader,
    CallerHere,
    TheServer,
    source_of,
)
from api.errors import ForeignOriginError
from api.guard import is_foreign
from api.pagination import Cursor, Limit, PageOf, cut, decode_cursor, encode_cursor, link_next
from api.schemas import PROBLEMS, Strict
from vms.accounts.model import Role, SignedIn
from vms.accounts.rights import RIGHTS
from vms.errors import InvalidError

doors = APIRouter(prefix="/auth", tags=["accounts"])
"""What can be asked without credentials."""

router = APIRouter(tags=["accounts"])

Username = Annotated[str, Path(max_length=64)]
Password = Annotated[str, Field(min_length=1, max_length=256, description="Never logged.")]


class Login(Strict):
    """A name and its password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "admin", "password": "correct horse"}]}
    )

    username: str = Field(min_length=1, max_length=64)
    password: Password


class Setup(Strict):
    """The first administrator."""

    code: str = Field(min_length=1, max_length=64, description="As the server printed it.")
    username: str = Field(min_length=1, max_length=64, examples=["admin"])
    password: Password


class AccessToken(BaseModel):
    """What a sign-in gives; the page gets the same as a cookie."""

    access_token: str = Field(description="For `Authorization: Bearer`.")
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  RFC 6750's word, no secret
    expires_in: int = Field(description="Seconds.", examples=[86400])


class UserOut(BaseModel):
    """A person with a password."""

    model_config = ConfigDict(from_attributes=True)

    user_id: str
    username: str
    role: Role
    disabled: bool
    created_at: datetime


class Me(BaseModel):
    """Who asks, and what they may do."""

    user_id: str
    username: str
    role: Role
    actions: list[str] = Field(description="Of `read`, `watch`, `control`, `configure`, ...")


class NewUser(Strict):
    """A user to be made."""

    username: str = Field(min_length=1, max_length=64, examples=["li"])
    password: Password
    role: Role


class UserPatch(Strict):
    """What is to be changed; what is left out stays."""

    role: Role | None = None
    disabled: bool | None = None
    password: Password | None = None


class KeyOut(BaseModel):
    """An API key; its text was shown once."""

    model_config = ConfigDict(from_attributes=True)

    key_id: str
    name: str
    user_id: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKey(Strict):
    """A key to be made, in the name of a user."""

    name: str = Field(min_length=1, max_length=128, examples=["traffic analysis"])
    role: Role = Role.VIEWER
    username: str | None = Field(default=None, description="Whose it is; by default yours.")
    expires_at: datetime | None = None


class KeyWithText(KeyOut):
    """A key just made."""

    key: str = Field(description="The key itself, shown this once.")


class AuditRowOut(BaseModel):
    """Who did what to what, and how it ended."""

    audit_key: int
    at: datetime
    actor: str
    source: str
    action: str
    subject: str
    outcome: str
    detail: dict[str, str]


def _let_in(request: Request, response: Response, signed_in: SignedIn) -> AccessToken:
    response.set_cookie(
        SESSION_COOKIE,
        signed_in.access_token,
        max_age=signed_in.expires_in_s,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return AccessToken(access_token=signed_in.access_token, expires_in=signed_in.expires_in_s)


def _refuse_foreign(request: Request) -> None:
    if is_foreign(request.headers):
        raise ForeignOriginError("signing in has to come from our own page")


@doors.post("/login", operation_id="login", summary="Sign in", responses=PROBLEMS)
async def login(
    request: Request, response: Response, body: Login, server: TheServer
) -> AccessToken:
    """The same answer for a wrong name and a wrong password; 429 after five failures."""
    _refuse_foreign(request)
    signed_in = await server.accounts.login(body.username, body.password, source_of(request))
    return _let_in(request, response, signed_in)


@doors.post(
    "/setup",
    operation_id="setUp",
    summary="Make the first administrator",
    status_code=201,
    responses=PROBLEMS,
)
async def set_up(
    request: Request, response: Response, body: Setup, server: TheServer
) -> AccessToken:
    """With the one-time code the server printed; signs in."""
    _refuse_foreign(request)
    source = source_of(request)
    await server.accounts.set_up(body.code, body.username, body.password, source)
    signed_in = await server.accounts.login(body.username, body.password, source)
    return _let_in(request, response, signed_in)


@router.post(
    "/auth/logout", operation_id="logout", summary="Sign out", status_code=204, responses=PROBLEMS
)
async def logout(response: Response, server: TheServer, caller: CallerHere) -> None:
    """The token and every media URL made with it count no longer; cameras it moves stop."""
    await server.accounts.logout(caller.principal, caller.source)
    await server.commands.steering.release(caller.principal.credential_id)
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax")


@router.get("/auth/me", operation_id="getMe", summary="Who am I", responses=PROBLEMS)
async def get_me(caller: CallerHere) -> Me:
    """Role and rights of whoever asks."""
    principal = caller.principal
    return Me(
        user_id=principal.user_id,
        username=principal.username,
        role=principal.role,
        actions=sorted(RIGHTS[principal.role]),
    )


@router.get("/users", operation_id="listUsers", summary="Users", responses=PROBLEMS)
async def list_users(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Administrator,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[UserOut]:
    """In order of their ID."""
    _ = caller
    users, next_cursor = cut(
        await server.accounts.users(), lambda user: user.user_id, limit, cursor
    )
    link_next(request, response, next_cursor)
    return PageOf(items=[UserOut.model_validate(user) for user in users], next_cursor=next_cursor)


@router.post(
    "/users", operation_id="addUser", summary="Add a user", status_code=201, responses=PROBLEMS
)
async def add_user(body: NewUser, server: TheServer, caller: Administrator) -> UserOut:
    """409 for a name that is taken."""
    user = await server.accounts.add_user(body.username, body.password, body.role, caller.actor)
    return UserOut.model_validate(user)


@router.patch(
    "/users/{username}", operation_id="changeUser", summary="Change a user", responses=PROBLEMS
)
async def change_user(
    username: Username, body: UserPatch, server: TheServer, caller: Administrator
) -> UserOut:
    """Counts at once; a new password ends every sign-in. 409 for the last administrator."""
    if body.password is not None:
        await server.accounts.set_password(username, body.password, caller.actor)
    if body.role is None and body.disabled is None:
        return UserOut.model_validate(await server.accounts.user(username))
    user = await server.accounts.change_user(
        username, caller.actor, role=body.role, disabled=body.disabled
    )
    return UserOut.model_validate(user)


@router.get("/keys", operation_id="listKeys", summary="API keys", responses=PROBLEMS)
async def list_keys(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Administrator,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[KeyOut]:
    """Revoked ones included, never their text."""
    _ = caller
    keys, next_cursor = cut(await server.accounts.keys(), lambda key: key.key_id, limit, cursor)
    link_next(request, response, next_cursor)
    return PageOf(items=[KeyOut.model_validate(key) for key in keys], next_cursor=next_cursor)


@router.post(
    "/keys", operation_id="addKey", summary="Make an API key", status_code=201, responses=PROBLEMS
)
async def add_key(body: NewKey, server: TheServer, caller: Administrator) -> KeyWithText:
    """Its text is shown this once."""
    if body.expires_at is not None and body.expires_at.tzinfo is None:
        raise InvalidError("a time needs its offset", field="expires_at")
    owner = await server.accounts.user(body.username or caller.principal.username)
    made = await server.accounts.add_key(body.name, owner, body.role, caller.actor, body.expires_at)
    return KeyWithText(**KeyOut.model_validate(made.key).model_dump(), key=made.text)


@router.delete(
    "/keys/{key_id}",
    operation_id="revokeKey",
    summary="Revoke an API key",
    status_code=204,
    responses=PROBLEMS,
)
async def revoke_key(
    key_id: Annotated[str, Path(max_length=64)], server: TheServer, caller: Administrator
) -> None:
    """For good."""
    await server.accounts.revoke_key(key_id, caller.actor)


@router.get("/audit", operation_id="listAudit", summary="Who did what", responses=PROBLEMS)
async def list_audit(
    request: Request,
    response: Response,
    server: TheServer,
    caller: AuditReader,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[AuditRowOut]:
    """Newest first."""
    _ = caller
    before = decode_cursor(cursor)
    if before is not None and not before.isdecimal():
        raise InvalidError("this is no cursor of this list", field="cursor")
    rows = await server.accounts.audit(int(before) if before else None, limit)
    next_cursor = encode_cursor(str(rows[-1].audit_key)) if len(rows) == limit else None
    link_next(request, response, next_cursor)
    items = [
        AuditRowOut(
            audit_key=row.audit_key,
            at=row.entry.at,
            actor=row.entry.actor,
            source=row.entry.source,
            action=row.entry.action,
            subject=row.entry.subject,
            outcome=row.entry.outcome,
            detail=dict(row.entry.detail),
        )
        for row in rows
    ]
    return PageOf(items=items, next_cursor=next_cursor)
