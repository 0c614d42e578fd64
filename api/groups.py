"""Groups: those that devices report, and the tree of our own beside them."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from api.authentication import Configurer, Reader, TheServer
from api.channel_filing import ChannelList, ManyChannels, outcomes_of
from api.schemas import PROBLEMS, Strict
from vms.inventory.changes import LONGEST_NAME

router = APIRouter(tags=["channels"])

GroupIdPath = Annotated[
    str, Path(max_length=36, description="A node of our own tree, as `GET /groups/own` names it.")
]
GroupName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
ParentId = Annotated[str, Field(max_length=36, description="Empty: at the top.")]


class Group(BaseModel):
    """A business group or virtual organisation with the channels in it and below it."""

    model_config = ConfigDict(from_attributes=True)

    group_id: str
    name: str = Field(description="Empty where channels name it and nobody described it.")
    channels: int = Field(description="On file, in it and below it, each once.")
    online_channels: int
    children: list["Group"] = Field(description="The organisations right below.")


class Groups(BaseModel):
    """The trees of groups that devices reported."""

    items: list[Group]


class OwnGroupOut(BaseModel):
    """A node of our own tree."""

    model_config = ConfigDict(from_attributes=True)

    group_id: str
    name: str
    parent_id: str = Field(description="Empty at the top.")
    position: int = Field(description="Its place among those below the same parent.")


class OwnGroupBranch(OwnGroupOut):
    """A node with what hangs in it and below it."""

    own_channels: int = Field(description="In this very node.")
    channels: int = Field(description="In it and below it.")
    online_channels: int
    children: list["OwnGroupBranch"]


class OwnGroupTree(BaseModel):
    """The tree of our own."""

    items: list[OwnGroupBranch]


class OwnGroupIn(Strict):
    """A new node, last below its parent."""

    name: GroupName
    parent_id: ParentId = ""


class OwnGroupPatch(Strict):
    """What is left out stays; a node moves with all below it."""

    name: GroupName | None = None
    parent_id: ParentId | None = None
    position: Annotated[int, Field(ge=0, le=1_000_000)] | None = None


@router.get(
    "/groups",
    operation_id="listGroups",
    summary="Business groups with live counts",
    responses=PROBLEMS,
)
async def list_groups(server: TheServer, caller: Reader) -> Groups:
    """The trees of business groups and virtual organisations; each counts those below it."""
    _ = caller
    return Groups(items=[Group.model_validate(node) for node in await server.inventory.groups()])


@router.get(
    "/groups/own",
    operation_id="listOwnGroups",
    summary="Our own tree with live counts",
    responses=PROBLEMS,
)
async def list_own_groups(server: TheServer, caller: Reader) -> OwnGroupTree:
    """By position; a channel hangs in one node at most."""
    _ = caller
    nodes = server.inventory.own_groups()
    return OwnGroupTree(items=[OwnGroupBranch.model_validate(node) for node in nodes])


@router.post(
    "/groups/own",
    operation_id="addOwnGroup",
    summary="Make a node",
    status_code=201,
    responses=PROBLEMS,
)
async def add_own_group(body: OwnGroupIn, server: TheServer, caller: Configurer) -> OwnGroupOut:
    """Names are unique below one parent."""
    detail = {"parent": body.parent_id}
    await server.accounts.record(caller.actor, "add group", body.name, detail=detail)
    group = await server.inventory.add_own_group(body.name, body.parent_id)
    return OwnGroupOut.model_validate(group)


@router.get(
    "/groups/own/{group_id}", operation_id="getOwnGroup", summary="A node", responses=PROBLEMS
)
async def get_own_group(group_id: GroupIdPath, server: TheServer, caller: Reader) -> OwnGroupOut:
    """Alone; what hangs in it is `GET /channels?own_group=`."""
    _ = caller
    return OwnGroupOut.model_validate(server.inventory.own_group(group_id))


@router.patch(
    "/groups/own/{group_id}",
    operation_id="changeOwnGroup",
    summary="Rename or move a node",
    responses=PROBLEMS,
)
async def change_own_group(
    group_id: GroupIdPath, body: OwnGroupPatch, server: TheServer, caller: Configurer
) -> OwnGroupOut:
    """409 where it would hang below itself."""
    server.inventory.own_group(group_id)
    detail = {name: str(value) for name, value in body.model_dump(exclude_none=True).items()}
    await server.accounts.record(caller.actor, "change group", group_id, detail=detail)
    group = await server.inventory.change_own_group(
        group_id, name=body.name, parent_id=body.parent_id, position=body.position
    )
    return OwnGroupOut.model_validate(group)


@router.delete(
    "/groups/own/{group_id}",
    operation_id="removeOwnGroup",
    summary="Delete an empty node",
    status_code=204,
    responses=PROBLEMS,
)
async def remove_own_group(group_id: GroupIdPath, server: TheServer, caller: Configurer) -> None:
    """409 while groups or channels hang in it: put them elsewhere first."""
    server.inventory.own_group(group_id)
    await server.accounts.record(caller.actor, "remove group", group_id)
    await server.inventory.remove_own_group(group_id)


@router.post(
    "/groups/own/{group_id}/channels",
    operation_id="assignToOwnGroup",
    summary="Hang channels into a node",
    responses=PROBLEMS,
)
async def assign_to_own_group(
    group_id: GroupIdPath, body: ChannelList, server: TheServer, caller: Configurer
) -> ManyChannels:
    """Out of the node they hung in before; one that is refused keeps no other one back."""
    server.inventory.own_group(group_id)
    detail = {"channels": str(len(body.channels))}
    await server.accounts.record(caller.actor, "assign channels", group_id, detail=detail)
    keys = body.keys()
    return outcomes_of(keys, await server.inventory.assign_to_own_group(group_id, keys))
