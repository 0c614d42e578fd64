"""What a simulation saw: printed as JSON when it ends."""

import json
from dataclasses import asdict, dataclass, field

MAX_ERRORS = 100


@dataclass(slots=True)
class Summary:
    """Counts over all devices, since the start."""

    devices: int = 0
    channels: int = 0
    registered: int = 0
    """Devices that registered at least once."""
    registrations: int = 0
    """REGISTERs answered 200, refreshes included."""
    refused: int = 0
    """REGISTERs refused although they carried credentials, or could not."""
    unregistered: int = 0
    keepalives_sent: int = 0
    keepalives_answered: int = 0
    """Those answered 200."""
    queries: int = 0
    catalog_parts: int = 0
    alarms_sent: int = 0
    alarms_answered: int = 0
    """Alarms whose SIP answer was 200."""
    invites: int = 0
    invites_refused: int = 0
    streams: int = 0
    """Streams begun."""
    byes_received: int = 0
    byes_sent: int = 0
    key_pictures_asked: int = 0
    pictures_sent: int = 0
    packets_sent: int = 0
    packets_lost: int = 0
    """Left out by the fault `loss`."""
    bytes_sent: int = 0
    """Of RTP packets, headers included."""
    unanswered: int = 0
    """Requests of ours that got no final answer."""
    errors: list[str] = field(default_factory=list[str])
    """The first of them, in words."""

    def note_error(self, text: str) -> None:
        """Keep an error's sentence while there is room."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(text)

    def as_json(self) -> str:
        """One object, indented."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2)
