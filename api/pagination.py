"""Lists: `{"items": [...], "next_cursor": ...}`, keyset cursors, `Link: rel="next"` (RFC 8288)."""

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from vms.errors import InvalidError

MAX_LIMIT = 1000

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=512, description="`next_cursor` of the page before; opaque."),
]


class Paging(BaseModel):
    """The query of a list that can be long; its filters stand in the children."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=100, ge=1, le=MAX_LIMIT, description="How many items at most.")
    cursor: str | None = Field(
        default=None, max_length=512, description="`next_cursor` of the page before; opaque."
    )
    total: bool = Field(default=False, description="Count all that match; costs a walk over them.")


T = TypeVar("T")


class PageOf(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T] = Field(description="In the order of the list's key.")
    next_cursor: str | None = Field(description="For the next page; null on the last.")
    total: int | None = Field(
        default=None,
        description="All that match; there only with `?total=true`.",
        exclude_if=lambda total: total is None,
    )


def encode_cursor(key: str) -> str:
    """The key of the last item shown, as an opaque word."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """The key a cursor stands for; raises `InvalidError` for what is none of ours."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidError("this is no cursor of ours", field="cursor") from error
    if "\0" in key:  # no text for PostgreSQL
        raise InvalidError("this is no cursor of ours", field="cursor")
    return key


def cut(
    items: Iterable[T], key: Callable[[T], str], limit: int, cursor: str | None
) -> tuple[list[T], str | None]:
    """A page of a short list that has no keyset query of its own, and the next cursor."""
    after = decode_cursor(cursor)
    ordered = sorted((item for item in items if after is None or key(item) > after), key=key)
    shown = ordered[:limit]
    return shown, encode_cursor(key(shown[-1])) if len(ordered) > limit else None


def link_next(request: Request, response: Response, next_cursor: str | None) -> None:
    """Tell where the next page is, for clients that follow links."""
    if next_cursor is not None:
        target = request.url.include_query_params(cursor=next_cursor)
        response.headers["Link"] = f'<{target.path}?{target.query}>; rel="next"'
