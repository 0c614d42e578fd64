"""The devices of the month, by the groups of `expected`."""

from collections.abc import Mapping, Sequence
from itertools import count, islice

from tests.scenarios.month.cameras import CameraDevice, camera, recorder
from tests.scenarios.month.expected import EAST, NORTH, SOUTH, WEST

Groups = Mapping[str, Sequence[CameraDevice]]


def the_cast(server: tuple[str, int]) -> dict[str, list[CameraDevice]]:
    """240 of them, with 10,000 cameras."""
    numbers = count(1)
    found: dict[str, list[CameraDevice]] = {}

    def recorders(
        group: str, division: str, maker: str, many: int = 1, channels: int = 100
    ) -> None:
        is_tcp = group == "lost_connection"
        found[group] = [
            recorder(number, channels, division, maker, server, is_tcp=is_tcp)
            for number in islice(numbers, many)
        ]

    def cameras(group: str, division: str, maker: str, many: int) -> None:
        found[group] = [camera(number, division, maker, server) for number in islice(numbers, many)]

    recorders("steady_north", NORTH, "Acme", 60)
    recorders("steady_south", SOUTH, "Bolt", 10)
    recorders("steady_east", EAST, "Acme", 6)
    cameras("steady_west", WEST, "Acme", 125)
    recorders("long_silence", NORTH, "Bolt", 3)
    recorders("grace_passed", SOUTH, "Bolt")
    recorders("over_the_borders", SOUTH, "Acme", 2)
    recorders("lost_connection", SOUTH, "Bolt")
    recorders("visitor", WEST, "Acme", channels=50)
    recorders("catalogue", WEST, "Bolt")
    recorders("moved", SOUTH, "Acme", 2)
    recorders("moved_while_off", WEST, "Bolt")
    recorders("moved_by_hand", SOUTH, "Acme")
    recorders("there_and_back", NORTH, "Acme")
    recorders("late", EAST, "Acme")
    recorders("taken_off_file", EAST, "Bolt")
    recorders("back_at_the_kill", NORTH, "Acme")
    cameras("registration_ran_out", WEST, "Acme", 10)
    cameras("seen", WEST, "Bolt", 5)
    recorders("power_cut", WEST, "Acme")
    recorders("refused", WEST, "Acme")
    recorders("withdrawn", WEST, "Bolt")
    recorders("undecided", WEST, "Bolt")
    recorders("maintained", EAST, "Acme")
    recorders("under_construction", EAST, "Bolt")
    recorders("never_came", WEST, "", channels=10)
    return found


def fates_of(groups: Groups) -> dict[tuple[str, str], str]:
    """The group of `expected` by device and channel ID."""
    found: dict[tuple[str, str], str] = {}
    for group, members in groups.items():
        for device in members:
            for number, each in enumerate(device.cameras, 1):
                fate = _of_catalogue(number) if group == "catalogue" else group
                found[device.device_id, each.channel_id] = fate
    return found


def _of_catalogue(number: int) -> str:
    """The channels of the recorder to which its catalogue makes the difference, from 1 to 100."""
    if number <= 10:
        return "switched_off"
    if number <= 30:
        return "off_for_a_day"
    if number == 31:
        return "lost_video"
    return "removed_channel" if number == 100 else "beside_them"
