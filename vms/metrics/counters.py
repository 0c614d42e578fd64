"""Every metric: its name, unit and help text. Owners keep plain numbers; nobody imports this but
`vms.metrics.collector`. No label is ever a device, a channel or a user: a city has 52,000 of them.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a metric moves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as Prometheus sees it. Counters get their `_total` in the exposition.

    `buckets` are the upper bounds of a histogram, without the infinite one.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


BUILD_INFO = Metric(
    "vms_build_info", Kind.GAUGE, "Always 1; the label tells the version", ("version",)
)

DEVICES = Metric("vms_devices", Kind.GAUGE, "Devices on file, by state of the ledger", ("state",))
CHANNELS = Metric(
    "vms_channels", Kind.GAUGE, "Channels on file, by state of the ledger", ("state",)
)
WAITING = Metric("vms_waiting_devices", Kind.GAUGE, "Rows of the waiting room, refused ones aside")
KEEPALIVES = Metric("vms_keepalives", Kind.COUNTER, "Keepalives that counted")
REFUSED_SIGNS = Metric(
    "vms_refused_signs_of_life",
    Kind.COUNTER,
    "Messages answered 403, from devices not registered or from where the device is not",
    ("reason",),
)
FAILED_WRITES = Metric(
    "vms_ledger_failed_writes", Kind.COUNTER, "Writes of observed states that had to be repeated"
)
DROPPED_OBSERVATIONS = Metric(
    "vms_ledger_dropped_observations",
    Kind.COUNTER,
    "Observed states that contradicted what is stored, and are in no figure",
)
STALLS = Metric(
    "vms_inventory_stalls",
    Kind.COUNTER,
    "Times that this process stood still so long that silence of devices proved nothing",
)
CLOCK_STEPS = Metric(
    "vms_clock_steps", Kind.COUNTER, "Steps of the system clock that the ledger did not follow"
)
EVENTS = Metric("vms_events", Kind.COUNTER, "Events published on the bus")
OUTAGES_OPEN = Metric(
    "vms_outages_open", Kind.GAUGE, "Outages of which somebody is away now, by cause", ("cause",)
)
OUTAGES = Metric(
    "vms_outages", Kind.COUNTER, "Outages that began, by their first cause", ("cause",)
)

SIP_MESSAGES = Metric("vms_sip_messages", Kind.COUNTER, "SIP messages received, repeats included")
SIP_SENT = Metric("vms_sip_sent_messages", Kind.COUNTER, "SIP messages sent")
SIP_PINGS = Metric(
    "vms_sip_pings", Kind.COUNTER, "Blank lines and NULs that keep a NAT binding open"
)
SIP_REPEATS = Metric(
    "vms_sip_repeats_absorbed", Kind.COUNTER, "Requests that came again and were answered as before"
)
SIP_OVERFLOWS = Metric(
    "vms_sip_transaction_overflows",
    Kind.COUNTER,
    "Times that no more transactions could be remembered and the oldest gave way",
)
SIP_TRANSACTIONS = Metric("vms_sip_transactions", Kind.GAUGE, "Transactions remembered now")
SIP_SEND_ERRORS = Metric("vms_sip_send_errors", Kind.COUNTER, "Datagrams the kernel would not take")
SIP_PARSE_ERRORS = Metric(
    "vms_sip_parse_errors", Kind.COUNTER, "SIP messages that could not be read", ("reason",)
)
SIP_RETRANSMISSIONS = Metric(
    "vms_sip_retransmissions", Kind.COUNTER, "SIP messages sent again by our timers"
)
SIP_STRANGERS_IGNORED = Metric(
    "vms_sip_strangers_ignored",
    Kind.COUNTER,
    "Requests of strangers dropped because their allowance was used up",
)
SIP_STRANGERS_IGNORED_BYTES = Metric(
    "vms_sip_strangers_ignored_bytes", Kind.COUNTER, "Bytes of those requests"
)
SIP_STRANGERS_ANSWERED = Metric(
    "vms_sip_strangers_answered", Kind.COUNTER, "Answers that strangers got"
)
SIP_STRANGERS_ANSWERED_BYTES = Metric(
    "vms_sip_strangers_answered_bytes", Kind.COUNTER, "Bytes of those answers"
)
SIP_STRANGERS_UNANSWERED = Metric(
    "vms_sip_strangers_unanswered",
    Kind.COUNTER,
    "Answers to strangers not sent: their allowance was used up, or the answer too long",
)
SIP_STRANGERS_UNANSWERED_BYTES = Metric(
    "vms_sip_strangers_unanswered_bytes", Kind.COUNTER, "Bytes of those answers"
)
SIP_BANS = Metric("vms_sip_bans", Kind.GAUGE, "Addresses and networks not read now")
SIP_BANS_IMPOSED = Metric("vms_sip_bans_imposed", Kind.COUNTER, "Times that one was banned")
SIP_BANNED_DROPPED = Metric(
    "vms_sip_banned_dropped", Kind.COUNTER, "Messages of banned sources, dropped unread"
)
SIP_BANNED_DROPPED_BYTES = Metric(
    "vms_sip_banned_dropped_bytes", Kind.COUNTER, "Bytes of those messages"
)
SIP_CONNECTIONS_BARRED = Metric(
    "vms_sip_connections_barred", Kind.COUNTER, "Connections of banned sources, closed at once"
)
SIP_CONNECTIONS_CLOSED = Metric(
    "vms_sip_connections_closed", Kind.COUNTER, "Connections that we closed, by cause", ("cause",)
)
SIP_SUBSCRIPTIONS = Metric("vms_sip_subscriptions", Kind.GAUGE, "Subscriptions held at devices now")
SIP_CONNECTIONS = Metric("vms_sip_connections", Kind.GAUGE, "TCP connections of devices open now")
SIP_SOCKET_DROPS = Metric(
    "vms_sip_socket_drops", Kind.COUNTER, "Datagrams the kernel dropped before we read them"
)
SIP_RECEIVE_BUFFER = Metric(
    "vms_sip_receive_buffer_bytes", Kind.GAUGE, "Receive buffer the kernel granted"
)

REGISTERS = Metric(
    "vms_registers", Kind.COUNTER, "REGISTERs answered, by what became of them", ("result",)
)
REGISTERS_WAITING = Metric(
    "vms_registers_waiting", Kind.GAUGE, "REGISTERs that wait their turn now"
)
REGISTERS_GIVEN_UP = Metric(
    "vms_registers_given_up",
    Kind.COUNTER,
    "REGISTERs that waited too long, or found no room, with and without credentials",
    ("credentials",),
)
OVERLOADS = Metric("vms_overloads", Kind.COUNTER, "Times that more registered than could be served")
REFUSED_MESSAGES = Metric(
    "vms_refused_messages",
    Kind.COUNTER,
    "Requests of devices that were refused, by cause",
    ("cause",),
)
SUBSCRIPTIONS = Metric(
    "vms_subscriptions", Kind.GAUGE, "Subscriptions at devices, by state", ("state",)
)
NOTIFIES = Metric("vms_notifies", Kind.COUNTER, "NOTIFYs of kinds that can be subscribed")
NOTICES_STORED = Metric("vms_notices_stored", Kind.COUNTER, "Notifications stored")
NOTICES_WAITING = Metric(
    "vms_notices_waiting", Kind.GAUGE, "Notifications that wait to be stored now"
)
UNCONFIRMED_STOPS = Metric(
    "vms_unconfirmed_stops",
    Kind.COUNTER,
    "Stops of cameras that were not confirmed at once: one may have gone on moving",
)

SESSIONS = Metric("vms_sessions", Kind.GAUGE, "Sessions that run, by state", ("state",))
VIEWERS = Metric("vms_viewers", Kind.GAUGE, "Viewers of running sessions")
INVITES = Metric("vms_invites", Kind.COUNTER, "INVITEs sent to devices")
SESSION_FAILURES = Metric(
    "vms_session_failures", Kind.COUNTER, "Sessions that failed, by cause", ("cause",)
)

MEDIA_WORKERS_UP = Metric(
    "vms_media_workers_up", Kind.GAUGE, "Processes of the media plane that serve now"
)
MEDIA_WORKER_RESTARTS = Metric(
    "vms_media_worker_restarts",
    Kind.COUNTER,
    "Times that a process of the media plane died and was started again",
    ("worker",),
)
MEDIA_STREAMS = Metric(
    "vms_media_streams", Kind.GAUGE, "Streams taken in, by process of the media plane", ("worker",)
)
MEDIA_VIEWERS = Metric(
    "vms_media_viewers", Kind.GAUGE, "Viewers served, by process of the media plane", ("worker",)
)
MEDIA_TRANSCODERS = Metric(
    "vms_media_transcoders",
    Kind.GAUGE,
    "Transcoders that run, pictures and sound, by process of the media plane",
    ("worker",),
)
MEDIA_CPU_SECONDS = Metric(
    "vms_media_cpu_seconds",
    Kind.COUNTER,
    "Processor time of a process of the media plane since it was started",
    ("worker",),
)
MEDIA_MEMORY = Metric(
    "vms_media_resident_bytes",
    Kind.GAUGE,
    "Memory that a process of the media plane holds",
    ("worker",),
)

MEDIA_REFUSED_TOKENS = Metric(
    "vms_media_refused_tokens",
    Kind.COUNTER,
    "Tokens of media URLs that a process of the media plane refused since it was started",
    ("worker",),
)

HTTP_REQUESTS = Metric(
    "vms_http_requests", Kind.COUNTER, "HTTP requests answered", ("method", "status_class")
)
HTTP_REQUEST_SECONDS = Metric(
    "vms_http_request_seconds",
    Kind.HISTOGRAM,
    "Seconds from the request to the end of its answer; streams of events are not counted",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)

DIVISION_CHANNELS = Metric(
    "vms_division_channels",
    Kind.GAUGE,
    "Channels on file, by division of the two top levels: below it, and online now or not",
    ("division", "state"),
)
ONLINE_RATIO = Metric(
    "vms_online_ratio",
    Kind.GAUGE,
    "Channels online now over channels on file, by division of the two top levels",
    ("division",),
)
SELF_CHECK_BREACHES = Metric(
    "vms_self_check_breaches", Kind.GAUGE, "What the last self-check of the figures found wrong"
)

ALL: tuple[Metric, ...] = tuple(value for value in globals().values() if isinstance(value, Metric))
"""In the order of this file."""
