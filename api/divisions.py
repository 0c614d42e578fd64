"""Regions: the tree with live counts, and what they are called."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from api.authentication import Configurer, Reader, TheServer
from api.schemas import PROBLEMS, Strict
from vms.inventory.changes import LONGEST_NAME
from vms.inventory.tree import DivisionLevel

router = APIRouter(tags=["channels"])

MOST_AT_ONCE = 5000

Code = Annotated[
    str,
    Path(pattern=r"^[0-9]{2,20}$", description="Civil code.", examples=["34020201"]),
]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class Division(BaseModel):
    """A region with the channels in it and below it."""

    model_config = ConfigDict(from_attributes=True)

    code: str = Field(description="Civil code of 2, 4, 6 or 8 digits; empty for none.")
    name: str = Field(
        description="As named here, else by the national table, else by a catalogue; empty: nobody "
        "knows it."
    )
    level: DivisionLevel
    channels: int = Field(description="On file, in it and below it.")
    online_channels: int
    children: list["Division"] = Field(description="The next level below.")


class Divisions(BaseModel):
    """The tree of regions that have channels."""

    items: list[Division]


class DivisionNameIn(Strict):
    """What a region is called here."""

    name: Name


class NamedDivision(Strict):
    """A code and its name."""

    code: Annotated[str, Field(pattern=r"^[0-9]{2,20}$")]
    name: Name


class DivisionNames(Strict):
    """Many at once."""

    items: Annotated[list[NamedDivision], Field(min_length=1, max_length=MOST_AT_ONCE)]


class NamedDivisions(BaseModel):
    """Names that were given here."""

    items: list[NamedDivision]


@router.get(
    "/divisions",
    operation_id="listDivisions",
    summary="Regions with live counts",
    responses=PROBLEMS,
)
async def list_divisions(server: TheServer, caller: Reader) -> Divisions:
    """The tree of civil codes that have channels; each counts those below it."""
    _ = caller
    return Divisions(items=[Division.model_validate(node) for node in server.inventory.divisions()])


@router.get(
    "/divisions/names",
    operation_id="listDivisionNames",
    summary="Names of regions that were given here",
    responses=PROBLEMS,
)
async def list_division_names(server: TheServer, caller: Reader) -> NamedDivisions:
    """In order of code."""
    _ = caller
    names = sorted(server.inventory.division_names().items())
    return NamedDivisions(items=[NamedDivision(code=code, name=name) for code, name in names])


@router.put(
    "/divisions/names",
    operation_id="nameDivisions",
    summary="Name many regions",
    status_code=204,
    responses=PROBLEMS,
)
async def name_divisions(body: DivisionNames, server: TheServer, caller: Configurer) -> None:
    """All or none; others keep the names they have."""
    detail = {"divisions": str(len(body.items))}
    await server.accounts.record(caller.actor, "name divisions", detail=detail)
    await server.inventory.name_divisions({each.code: each.name for each in body.items})


@router.put(
    "/divisions/{code}",
    operation_id="nameDivision",
    summary="Name a region",
    status_code=204,
    responses=PROBLEMS,
)
async def name_division(
    code: Code, body: DivisionNameIn, server: TheServer, caller: Configurer
) -> None:
    """Townships and villages, which the national table leaves out; or another name for one that it
    has."""
    await server.accounts.record(caller.actor, "name division", code, detail={"name": body.name})
    await server.inventory.name_divisions({code: body.name})


@router.delete(
    "/divisions/{code}",
    operation_id="forgetDivisionName",
    summary="Take back the name of a region",
    status_code=204,
    responses=PROBLEMS,
)
async def forget_division_name(code: Code, server: TheServer, caller: Configurer) -> None:
    """The national or the reported one counts again."""
    await server.accounts.record(caller.actor, "forget division name", code)
    await server.inventory.forget_division_name(code)
