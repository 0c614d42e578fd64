"""What several resources share in the OpenAPI document."""

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict

from api.errors import PROBLEM_TYPE

DeviceIdPath = Annotated[
    str,
    Path(
        pattern=r"^[0-9]{1,20}$",
        description="The SIP device's ID.",
        examples=["34020000001320000001"],
    ),
]
ChannelIdPath = Annotated[
    str,
    Path(
        pattern=r"^[0-9]{1,20}$",
        description="The channel's ID within its device.",
        examples=["34020000001310000001"],
    ),
]
StreamName = Annotated[
    Literal["main", "sub"], Query(description="Main or sub-stream of the camera.")
]


# `dict[str, Any]` is FastAPI's own type for responses.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A refusal: 401 not signed in, 403 the role does not allow it, 404 there is "
        "no such thing, 422 a value makes no sense, and others; `code` tells.",
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
"""Every route's refusals."""


class Strict(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


JPEG: dict[str, Any] = {
    "description": "A JPEG picture.",
    "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
}
