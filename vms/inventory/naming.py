"""What divisions, groups and devices are called: by us, by the country, by what devices report."""

from collections.abc import Callable, Iterable, Mapping

from vms.gb28181 import divisions
from vms.gb28181.ids import Kind, kind_of
from vms.inventory.model import Device, TreeNode
from vms.inventory.own_groups import OwnGroups


class Names:
    """A look-up as things are when it is made; empty where there is no name."""

    def __init__(
        self,
        given: Mapping[str, str],
        nodes: Iterable[TreeNode],
        own_groups: OwnGroups,
        device: Callable[[str], Device | None],
    ) -> None:
        self._given = given
        self._own_groups = own_groups
        self._device = device
        self._reported: dict[str, str] = {}
        self._divisions: dict[str, str] = {}
        for node in nodes:
            if node.name:
                self._reported.setdefault(node.node_id, node.name)

    def division(self, code: str) -> str:
        """As it was named here, else by the national table, else by a catalogue; a code of another
        length than 2, 4, 6, 8 has the name of a catalogue's item at most."""
        name = self._divisions.get(code)
        if name is None:
            found = self._given.get(code) or divisions.name_of(code) or self._reported.get(code, "")
            name = self._divisions[code] = found
        return name

    def is_known(self, code: str) -> bool:
        """Whether anybody knows this division, or at least the county it lies in."""
        return self.division(code) != "" or divisions.is_known(code[: divisions.LEVELS[-1]])

    def reported_divisions(self) -> Iterable[str]:
        """Codes of divisions that catalogues describe."""
        return (code for code in self._reported if kind_of(code) is Kind.DIVISION)

    def group(self, group_id: str) -> str:
        """A business group, a virtual organisation, or anything else that a catalogue describes."""
        return self._reported.get(group_id, "")

    def own_group(self, group_id: str) -> str:
        """The way down to a node of our own tree."""
        return " / ".join(self._own_groups.path(group_id))

    def device(self, device_id: str) -> str:
        """A device on file, else what a catalogue says of this ID."""
        device = self._device(device_id)
        name = "" if device is None else device.name_override or device.name
        return name or self._reported.get(device_id, "")
