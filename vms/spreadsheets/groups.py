"""The tree of our own, and the local names of divisions, as rows."""

import asyncio
import re
from collections.abc import Iterator, Sequence

from vms.errors import ConflictError, InvalidError, NotFoundError
from vms.inventory.bulk_filing import TURN, Filed
from vms.inventory.changes import local_name
from vms.inventory.inventory import Inventory
from vms.inventory.own_groups import OwnGroup, OwnGroupNode, OwnGroups
from vms.spreadsheets.cells import Value
from vms.spreadsheets.columns import Kind
from vms.spreadsheets.filing import Verdict, column_of
from vms.spreadsheets.rows import Entry, news
from vms.spreadsheets.unpacking import MOST_ROWS

_GROUP_ID = column_of(Kind.GROUPS, "group_id")
_NAME = column_of(Kind.GROUPS, "name")
_PARENT = column_of(Kind.GROUPS, "parent_id")
_POSITION = column_of(Kind.GROUPS, "position")
_CODE = column_of(Kind.DIVISIONS, "code")
_LOCAL_NAME = column_of(Kind.DIVISIONS, "name")
_GROUP_ID_FORM = re.compile(r"[0-9A-Za-z_-]{1,36}")
_CODE_FORM = re.compile(r"(?:[0-9]{2}){1,4}|[0-9]{9}|[0-9]{12}")


def told_groups(nodes: Sequence[OwnGroupNode]) -> Iterator[dict[str, Value]]:
    """The tree of our own, parents before their children."""
    for node in nodes:
        yield {
            "group_id": node.group_id,
            "name": node.name,
            "parent_id": node.parent_id,
            "position": node.position,
            "channel_count": node.channels,
            "online_channel_count": node.online_channels,
        }
        yield from told_groups(node.children)


def _told(group: OwnGroup) -> dict[str, Value]:
    return {"name": group.name, "parent_id": group.parent_id, "position": group.position}


class GroupFiler:
    """Adds nodes to the tree of our own, renames and moves them."""

    rows_at_once = MOST_ROWS
    """All of them: a parent may stand below its children."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    async def file(self, entries: Sequence[Entry], *, is_trial: bool) -> Sequence[Verdict]:
        """See `Filer`."""
        # What would become of the tree; so that a trial knows a parent that it does not add.
        tree = OwnGroups(self._inventory.own_group_list())
        named = {entry.key[0]: entry for entry in entries if not entry.problems}
        verdicts: dict[int, Filed] = {}
        for count, entry in enumerate(_parents_first(named), 1):
            if count % TURN == 0:
                await asyncio.sleep(0)
            parent_id = entry.given.get(_PARENT)
            if isinstance(parent_id, str) and parent_id not in tree:
                entry.refuse("no_group", _PARENT, group_id=parent_id)
                continue
            try:
                wanted, verdict = _drafted(tree, entry)
                if wanted is not None and not is_trial:
                    await self._store(wanted, verdict)
            except (InvalidError, ConflictError, NotFoundError) as error:
                entry.refuse("refused", why=error.message)
                continue
            if wanted is not None:
                tree.put(wanted)
            if verdict is not None:
                verdicts[entry.row.number] = verdict
        return [verdicts.get(entry.row.number) for entry in entries]

    async def _store(self, wanted: OwnGroup, verdict: Verdict) -> None:
        group_id, name, parent_id = wanted.group_id, wanted.name, wanted.parent_id
        if verdict is Filed.ADDED:
            stored = await self._inventory.add_own_group(name, parent_id, group_id)
            if stored.position == wanted.position:
                return
        await self._inventory.change_own_group(
            group_id, name=name, parent_id=parent_id, position=wanted.position
        )


def _drafted(tree: OwnGroups, entry: Entry) -> tuple[OwnGroup | None, Verdict]:
    """How a node is wanted, and what that makes of it; None where nothing changes, or where it is
    refused. Raises what `OwnGroups` does."""
    [group_id] = entry.key
    known = tree.get(group_id) if group_id in tree else None
    changes = news(entry, None if known is None else _told(known))
    name, parent_id, position = (changes.get(each) for each in (_NAME, _PARENT, _POSITION))
    if known is None and not isinstance(name, str):
        entry.refuse("value_missing", _NAME)
    if (known is not None and _NAME in changes and name is None) or (
        _POSITION in changes and position is None
    ):
        entry.refuse("no_default", _NAME if name is None and _NAME in changes else _POSITION)
    if isinstance(position, float) and not (position.is_integer() and abs(position) < MOST_ROWS):
        entry.refuse("wrong_value", _POSITION)
    if not _GROUP_ID_FORM.fullmatch(group_id):
        entry.refuse("wrong_value", _GROUP_ID)
    if entry.problems or (known is not None and not changes):
        return None, None if entry.problems else Filed.UNCHANGED
    if known is None:
        known = tree.added(group_id, str(name), str(parent_id or ""))
        tree.put(known)
        verdict = Filed.ADDED
    else:
        verdict = Filed.CHANGED
    return tree.changed(
        group_id,
        name=name if isinstance(name, str) else None,
        parent_id=str(parent_id or "") if _PARENT in changes else None,
        position=int(position) if isinstance(position, float) else None,
    ), verdict


def _parents_first(named: dict[str, Entry]) -> Iterator[Entry]:
    """So that what hangs below is there when something is hung below it."""
    seen: set[str] = set()
    for group_id in named:
        way: list[str] = []
        above: object = group_id
        while isinstance(above, str) and above in named and above not in seen:
            seen.add(above)
            way.append(above)
            above = named[above].given.get(_PARENT)
        yield from (named[each] for each in reversed(way))


class DivisionFiler:
    """Gives divisions local names; most are those below the county, which no table has."""

    rows_at_once = 1_000

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    async def file(self, entries: Sequence[Entry], *, is_trial: bool) -> Sequence[Verdict]:
        """See `Filer`."""
        known = self._inventory.division_names()
        verdicts: dict[int, Filed] = {}
        wanted: dict[str, str] = {}
        for entry in entries:
            if entry.problems:
                continue
            [code] = entry.key
            name = entry.given.get(_LOCAL_NAME)
            verdict = _division_verdict(entry, code, known.get(code))
            if verdict is None:
                continue
            verdicts[entry.row.number] = verdict
            if verdict is Filed.UNCHANGED or is_trial:
                continue
            if isinstance(name, str):
                wanted[code] = name
            else:
                await self._inventory.forget_division_name(code)
        try:
            if wanted:
                await self._inventory.name_divisions(wanted)
        except InvalidError as error:
            for entry in entries:
                if entry.key and entry.key[0] in wanted:
                    entry.refuse("refused", why=error.message)
                    verdicts.pop(entry.row.number, None)
        return [verdicts.get(entry.row.number) for entry in entries]


def _division_verdict(entry: Entry, code: str, known: str | None) -> Verdict:
    """What a row makes of a division; None: it is refused."""
    name = entry.given.get(_LOCAL_NAME)
    if not _CODE_FORM.fullmatch(code):
        entry.refuse("wrong_value", _CODE)
    try:
        if isinstance(name, str) and local_name(name) is None:
            entry.refuse("wrong_value", _LOCAL_NAME)
    except InvalidError:
        entry.refuse("wrong_value", _LOCAL_NAME)
    if known is None and _LOCAL_NAME not in entry.given:
        entry.refuse("value_missing", _LOCAL_NAME)
    if entry.problems:
        return None
    if _LOCAL_NAME not in entry.given or name == known:
        return Filed.UNCHANGED
    return Filed.ADDED if known is None else Filed.CHANGED
