"""What several resources share in the OpenAPI document."""

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict

from api.errors import PROBLEM_TYPE

DeviceIdPath = Annotated[
    str,
    Path(
        pattern=r"^\d{1,20}$",
        description="The SIP device's ID.",
        examples=["34020000001320000001"],
    ),
]
ChannelIdPath = Annotated[
    str,
    Path(
        pattern=r"^\d{1,20}$",
        description="The channel's ID within its device.",
        examples=["34020000001310000001"],
    ),
]
StreamName = Annotated[
    Literal["main", "sub"], Query(description="Main or sub-stream of the camera.")
]


def _refusal(description: str) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {PROBLEM_TYPE: {"schema": reference}}}


# `dict[str, Any]` is FastAPI's own type for responses.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: _refusal("Not signed in."),
    403: _refusal("The role does not allow it."),
    404: _refusal("There is no such thing."),
    422: _refusal("A value makes no sense."),
    "default": _refusal("Any other refusal."),
}
"""Every route's refusals."""


class Strict(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


JPEG: dict[str, Any] = {
    "description": "A JPEG picture.",
    "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
}
