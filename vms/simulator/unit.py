"""The inside of a simulated device: heads, cards, guard, recording, settings, channels' states.

Made when the first command asks for it: tens of thousands of devices that only keep alive need
none of it. `now` is monotonic seconds.
"""

from dataclasses import dataclass, replace

from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.messages import (
    AlarmInputStatus,
    BasicParam,
    CatalogEvent,
    SdCard,
)
from vms.gb28181.version import Edition
from vms.simulator.configuration import Configuration
from vms.simulator.head import Head
from vms.simulator.plan import DevicePlan

CARDS = 2
CARD_MB = 32_768
FREE_MB = 24_576
FORMAT_S = 20.0
"""How long a card is being formatted."""
MAX_STREAMS = 8
DEVICE_METHOD = 2
"""AlarmMethod 2: the device itself; silent after the first until it is reset."""

_ABNORMAL = frozenset({CatalogEvent.OFF, CatalogEvent.VIDEO_LOST, CatalogEvent.DEFECT})


@dataclass(slots=True)
class _Card:
    formats_since: float | None = None
    free_mb: int = FREE_MB

    def shown(self, number: int, now: float) -> SdCard:
        card = SdCard(number, f"SD Card {number}", "ok", None, CARD_MB, self.free_mb)
        if self.formats_since is None:
            return card
        progress = int(100 * (now - self.formats_since) / FORMAT_S)
        if progress >= 100:
            self.formats_since, self.free_mb = None, CARD_MB
            return replace(card, free_mb=CARD_MB)
        return replace(card, status="formatting", format_progress=progress)


class Unit:
    """What one device is able to remember."""

    __slots__ = (
        "_alarming",
        "_armed",
        "_basic",
        "_cards",
        "_configurations",
        "_edition",
        "_heads",
        "_plan",
        "_recording",
        "states",
    )

    def __init__(self, plan: DevicePlan, edition: Edition, basic: BasicParam) -> None:
        self._plan = plan
        self._edition = edition
        self._basic = basic
        self._heads: dict[str, Head] = {}
        self._cards = [_Card() for _ in range(CARDS)]
        self._armed: set[str] = set()
        self._alarming: set[str] = set()
        self._recording: set[tuple[str, int]] = set()
        self._configurations: dict[str, Configuration] = {}
        self.states: dict[ChannelId, CatalogEvent] = {}
        """Channels that are not simply on, by their last event."""

    def owns(self, identifier: str) -> bool:
        """Whether it is the device, a channel or the alarm input."""
        plan = self._plan
        return identifier in (plan.device_id, plan.alarm_input_id, *plan.channel_ids)

    def head(self, identifier: str, now: float) -> Head | None:
        """The head of a channel; the device's ID stands for the first, others have none."""
        if identifier == self._plan.device_id:
            identifier = self._plan.channel_ids[0]
        if identifier not in self._plan.channel_ids:
            return None
        head = self._heads.get(identifier)
        if head is None:
            head = self._heads[identifier] = Head(now)
        return head

    # Configuration

    def configuration(self, identifier: str) -> Configuration:
        """The settings of the device or of one of its channels."""
        found = self._configurations.get(identifier)
        if found is None:
            found = Configuration(self._edition, self._basic)
            if self.owns(identifier):
                self._configurations[identifier] = found
        return found

    # Guard and alarms

    @property
    def is_armed(self) -> bool:
        """Whether anything of it is armed."""
        return bool(self._armed)

    def arm(self, identifier: str, *, is_set: bool) -> bool:
        """Arm or disarm; False for what does not exist."""
        if not self.owns(identifier):
            return False
        if is_set:
            self._armed.add(identifier)
        else:
            self._armed.discard(identifier)
        return True

    def alarms(self, source_id: str, method: int) -> bool:
        """Whether an alarm goes out: one by the device itself only once until it is reset."""
        if method != DEVICE_METHOD:
            return True
        if source_id in self._alarming:
            return False
        self._alarming.add(source_id)
        return True

    def reset_alarms(self, identifier: str, methods: tuple[int, ...]) -> bool:
        """Forget alarms of a source, of all sources for the device's ID."""
        if not self.owns(identifier):
            return False
        if not methods or 0 in methods or DEVICE_METHOD in methods:
            if identifier == self._plan.device_id:
                self._alarming.clear()
            self._alarming.discard(identifier)
        return True

    def alarm_inputs(self) -> tuple[AlarmInputStatus, ...]:
        """The alarm input and its duty."""
        own = self._plan.alarm_input_id
        is_armed = own in self._armed or self._plan.device_id in self._armed
        duty = "ALARM" if self._alarming else "ONDUTY" if is_armed else "OFFDUTY"
        return (AlarmInputStatus(own, duty),)

    # Recording and cards

    def record(self, identifier: str, stream_number: int, *, is_start: bool) -> bool:
        """Start or stop recording a stream; False for what does not exist."""
        if not self.owns(identifier) or not 0 <= stream_number < MAX_STREAMS:
            return False
        if is_start:
            self._recording.add((identifier, stream_number))
        else:
            self._recording.discard((identifier, stream_number))
        return True

    def is_recording(self, identifier: str) -> bool:
        """Whether a stream of the channel, or any of the device, is recorded by command."""
        return any(
            identifier in (recorded, self._plan.device_id) for recorded, _ in self._recording
        )

    def format_card(self, number: int, now: float) -> None:
        """Begin to format a card, counted from 1; 0 is all of them."""
        for index, card in enumerate(self._cards, start=1):
            if number in (0, index):
                card.formats_since = now

    def cards(self, now: float) -> tuple[SdCard, ...]:
        """The cards as they are now."""
        return tuple(card.shown(number, now) for number, card in enumerate(self._cards, start=1))

    # Channels

    def note(self, event: CatalogEvent, channel_id: ChannelId) -> None:
        """Something happened to a channel."""
        if event in _ABNORMAL or event is CatalogEvent.DELETE:
            self.states[channel_id] = event
        else:
            self.states.pop(channel_id, None)

    def abnormal(self) -> dict[ChannelId, CatalogEvent]:
        """The channels that are off, without video or defective."""
        return {one: event for one, event in self.states.items() if event in _ABNORMAL}

    def is_listed(self, channel_id: ChannelId) -> bool:
        """Whether the catalogue has it still."""
        return self.states.get(channel_id) is not CatalogEvent.DELETE

    def is_on(self, identifier: ChannelId | DeviceId) -> bool:
        """Whether a channel shows a picture."""
        return ChannelId(identifier) not in self.states
