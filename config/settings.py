"""The settings: typed, from four layers, each value with its origin.

Defaults < TOML file < environment `VMS_<SECTION>__<KEY>` < command line. A wrong type, a value out
of range or an unknown key raises `SettingsError`, which names the file and line (or the variable,
or the option) and the key. Settings are read once, by `vms.cli`.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
    model_validator,
)

PREFIX = "VMS_"
EXAMPLE_SECRETS = frozenset({"12345678", "123456", "admin", "admin123", "password", "root", "test"})
"""Passwords of published example configurations; each has been found on the open Internet."""


class SettingsError(Exception):
    """The server must not start with these settings; `problems` has one line for each cause."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class PortRange:
    """Port numbers from `first` to `last`, both included."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `30000-30999`; raises `ValueError`."""
        match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", text)
        if match is None:
            raise ValueError("write it as first-last, for instance 30000-30999")
        first, last = int(match[1]), int(match[2])
        if not 1024 <= first < last <= 65535:
            raise ValueError("ports run from 1024 to 65535, the first below the last")
        return cls(first, last)

    @property
    def pairs(self) -> int:
        """How many even ports there are with the odd one above: each is one for a stream."""
        return (self.last - self.first - (self.first & 1) + 1) // 2

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


class Tls(StrEnum):
    """How HTTP is secured."""

    OFF = "off"
    SELF_SIGNED = "self-signed"
    FILES = "files"


class Admission(StrEnum):
    """What a device gets that is not on file."""

    OPEN = "open"
    APPROVE = "approve"
    LISTED = "listed"


class BindingMove(StrEnum):
    """Whether a message other than REGISTER may move a device to another address."""

    STRICT = "strict"
    SAME_IP = "same-ip"
    ANY = "any"


def _host(text: str) -> str:
    ip_address(text)
    return text


def _time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("no such time zone") from error
    return text


def _no_example(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value().lower() in EXAMPLE_SECRETS:
        raise ValueError("this password stands in published examples; choose another")
    return secret


def _database_url(url: str) -> str:
    if not url.startswith(("sqlite+aiosqlite://", "postgresql+asyncpg://")):
        raise ValueError("begins with sqlite+aiosqlite:// or postgresql+asyncpg://")
    return url


def _public_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("write it as https://video.example.org/media")
    return url.rstrip("/")


def _listed(value: object) -> object:
    words = value.replace(",", " ").split() if isinstance(value, str) else value
    return tuple(cast("list[object]", words)) if isinstance(words, list) else words


def _proxies(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        if ip_network(network).prefixlen == 0:
            raise ValueError(f"{network}: that is everybody, and everybody could claim any address")
    return networks


def _port_range(value: object) -> object:
    return PortRange.parse(value) if isinstance(value, str) else value


def _advertised(addresses: dict[str, str]) -> dict[str, str]:
    for network, address in addresses.items():
        IPv4Network(network)
        ip_address(address)
    return addresses


_REDIRECT_TARGET = re.compile(
    r"sip:(?P<server_id>[0-9]{20})@(?P<host>[^@\s:;?]+):(?P<port>[0-9]{1,5})"
)


def _redirects(table: dict[str, str]) -> dict[str, str]:
    for devices, target in table.items():
        if re.fullmatch(r"[0-9]{1,20}", devices) is None:
            raise ValueError(f"{devices!r}: a device ID or its first digits")
        match = _REDIRECT_TARGET.fullmatch(target)
        if match is None or not 1 <= int(match["port"]) <= 65535:
            raise ValueError(f"{target!r}: write it as sip:<20-digit server ID>@<host>:<port>")
        ip_address(match["host"])
    return table


_ICE_URL = re.compile(r"(?:stuns?|turns?):[A-Za-z0-9.:\[\]-]{1,255}(?:\?transport=(?:udp|tcp))?")


def _ice_servers(servers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for url, user in servers.items():
        if _ICE_URL.fullmatch(url) is None:
            raise ValueError(f"{url!r}: write it as stun:host:port or turn:host:port")
        secret = user.get_secret_value()
        is_signed = ":" in secret and secret.isprintable() and '"' not in secret
        if url.startswith("turn") != is_signed:
            raise ValueError(f"{url!r}: a TURN server has user:password, a STUN server has neither")
    return servers


Host = Annotated[str, AfterValidator(_host)]
# 0 takes any free port: for tests and the demonstration.
Port = Annotated[int, Field(ge=0, le=65535)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
Proxies = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_proxies)]
Secret = Annotated[SecretStr, AfterValidator(_no_example)]
ServerId = Annotated[str, Field(pattern=r"^[0-9]{20}$")]
Domain = Annotated[str, Field(pattern=r"^[0-9]{8,20}$")]
Ports = Annotated[PortRange, BeforeValidator(_port_range), PlainSerializer(str)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class HttpSettings(_Section):
    """`[http]`: the API, the web page, WHEP signalling."""

    host: Host = "127.0.0.1"
    port: Port = 8080
    tls: Tls | None = None
    certificate: Path | None = None
    key: Path | None = None
    trusted_proxies: Proxies = ()

    @property
    def effective_tls(self) -> Tls:
        """`off` on loopback, `self-signed` elsewhere, unless it is set."""
        if self.tls is not None:
            return self.tls
        return Tls.OFF if ip_address(self.host).is_loopback else Tls.SELF_SIGNED


class SiteSettings(_Section):
    """`[site]`: where days, months and the 25th are cut."""

    time_zone: Annotated[str, AfterValidator(_time_zone)] = "Asia/Shanghai"


class SipSettings(_Section):
    """`[sip]`: how devices reach us, and whom we let in."""

    host: Host = "0.0.0.0"  # noqa: S104  devices reach a server by any of its addresses
    port: Port = 5060
    server_id: ServerId = "34020000002000000001"
    domain: Domain = "3402000000"
    shared_password: Secret | None = None
    require_digest: bool = True
    admission: Admission = Admission.APPROVE
    binding_move: BindingMove = BindingMove.SAME_IP
    subscription_expires_s: Annotated[int, Field(ge=90, le=604_800)] = 3600
    refuse_unwanted_notify: bool = False
    ban_after_failures: Annotated[int, Field(ge=0, le=100_000)] = 60
    ban_s: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    advertised_addresses: Annotated[dict[str, str], AfterValidator(_advertised)] = Field(
        default_factory=dict[str, str]
    )
    redirects: Annotated[dict[str, str], AfterValidator(_redirects)] = Field(
        default_factory=dict[str, str]
    )


class MediaSettings(_Section):
    """`[media]`: where RTP arrives and what serves the pictures."""

    host: Host | None = None
    rtp_port_range: Ports = PortRange(30000, 30999)
    idle_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    workers: Annotated[int, Field(ge=0, le=256)] | None = None
    http_port: Port = 8090
    public_url: PublicUrl | None = None
    stream_limit: Annotated[int, Field(ge=1, le=100_000)] | None = None
    viewer_limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    outgoing_limit_mbps: Annotated[float, Field(gt=0, le=1_000_000)] | None = None


class WebrtcSettings(_Section):
    """`[webrtc]`: ICE."""

    host: Host | None = None
    port: Port = 8189
    ice_servers: Annotated[dict[str, SecretStr], AfterValidator(_ice_servers)] = Field(
        default_factory=dict[str, SecretStr]
    )


class RtspSettings(_Section):
    """`[rtsp]`: RTSP for integrators."""

    port: Port = 8554
    tls: bool = False


class DatabaseSettings(_Section):
    """`[database]`: where facts are kept."""

    url: Annotated[str, AfterValidator(_database_url)] = "sqlite+aiosqlite:///var/vms.db"


class StorageSettings(_Section):
    """`[storage]`: recordings and snapshots."""

    root: Path = Path("var/media")


class ReportSettings(_Section):
    """`[reports]`: the circular of each month."""

    issuer: Annotated[str, Field(max_length=100)] = ""
    cut_off_day: Annotated[int, Field(ge=1, le=28)] = 25
    level: Literal[2, 4, 6, 8] = 6
    automatic: bool = True
    freeze_after_h: Annotated[float, Field(ge=0, le=240)] = 8.0


Share = Annotated[float, Field(ge=0, le=1)]


class FiguresSettings(_Section):
    """`[figures]`: what rates have to reach, what may be excused, what is kept as rows."""

    online_target: Share = 0.90
    coverage_limit: Share = 0.95
    exclusion_longest_days: Annotated[int, Field(ge=1, le=366)] = 30
    exclusion_latest_hours: Annotated[int, Field(ge=0, le=8784)] = 72
    exclusion_days_a_month: Annotated[int, Field(ge=0, le=31)] = 10
    keep_raw_months: Annotated[int, Field(ge=1, le=1200)] = 3


class AdminSettings(_Section):
    """`[admin]`: the first administrator."""

    password: Secret | None = None


class Settings(_Section):
    """Everything that can be set; see `vms.toml` for what each key means."""

    http: HttpSettings = HttpSettings()
    site: SiteSettings = SiteSettings()
    sip: SipSettings = SipSettings()
    media: MediaSettings = MediaSettings()
    webrtc: WebrtcSettings = WebrtcSettings()
    rtsp: RtspSettings = RtspSettings()
    database: DatabaseSettings = DatabaseSettings()
    storage: StorageSettings = StorageSettings()
    figures: FiguresSettings = FiguresSettings()
    reports: ReportSettings = ReportSettings()
    admin: AdminSettings = AdminSettings()

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        http = self.http
        if http.tls is Tls.FILES and (http.certificate is None or http.key is None):
            raise ValueError("http.tls: files needs http.certificate and http.key")
        if self.rtsp.tls and http.effective_tls is Tls.OFF:
            raise ValueError("rtsp.tls: needs the certificate that http.tls gives")
        ports = self.media.rtp_port_range
        if ports.pairs < self.media_workers:
            raise ValueError(f"media.rtp_port_range: {ports} is too small for so many workers")
        if any(self.sip.server_id in target for target in self.sip.redirects.values()):
            raise ValueError("sip.redirects: a device cannot be sent on to this server itself")
        return self

    @property
    def media_host(self) -> str:
        """`media.host`, else `sip.host`."""
        return self.media.host or self.sip.host

    @property
    def webrtc_host(self) -> str:
        """`webrtc.host`, else `http.host`."""
        return self.webrtc.host or self.http.host

    @property
    def media_workers(self) -> int:
        """`media.workers`, else one for each core; 0: inside the server's process."""
        if self.media.workers is not None:
            return self.media.workers
        return min(os.cpu_count() or 1, self.media.rtp_port_range.pairs)


Layer = Literal["default", "file", "environment", "command line"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: `place` is `vms.toml:12`, `VMS_HTTP__PORT`, `--set http.port`."""

    layer: Layer
    place: str = ""

    def __str__(self) -> str:
        return f"{self.layer} {self.place}" if self.place else self.layer


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """One line of `vms config print`; secrets are masked, derived values are worked out."""

    key: str
    value: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings with the origin of each key."""

    settings: Settings
    origins: Mapping[str, Origin]

    def effective(self) -> list[EffectiveSetting]:
        """Every key in the order of the documentation."""
        settings = self.settings
        derived: dict[str, object] = {
            "http.tls": settings.http.effective_tls,
            "media.host": settings.media_host,
            "media.workers": settings.media_workers,
            "webrtc.host": settings.webrtc_host,
        }
        rows: list[EffectiveSetting] = []
        for key in KEYS:
            section, _, name = key.partition(".")
            value: object = getattr(getattr(settings, section), name)
            rows.append(EffectiveSetting(key, _shown(derived.get(key, value)), self.origins[key]))
        return rows


def _shown(value: object) -> str:
    match value:
        case None:
            return "unset"
        case bool():
            return "true" if value else "false"
        case dict():
            return json.dumps(value, default=str)
        case _:
            return str(value)


_SECTIONS: dict[str, type[_Section]] = {
    "http": HttpSettings,
    "site": SiteSettings,
    "sip": SipSettings,
    "media": MediaSettings,
    "webrtc": WebrtcSettings,
    "rtsp": RtspSettings,
    "database": DatabaseSettings,
    "storage": StorageSettings,
    "figures": FiguresSettings,
    "reports": ReportSettings,
    "admin": AdminSettings,
}
KEYS: tuple[str, ...] = tuple(
    f"{section}.{name}" for section, model in _SECTIONS.items() for name in model.model_fields
)
"""Every key, `section.name`."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as it was written. `is_text`: it came as a string where it was not written as one."""

    key: str
    value: object
    origin: Origin
    is_text: bool


def load(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """Read all layers. `overrides` are `section.key` from the command line, values as text.

    Raises `SettingsError` with every problem found, not only the first.
    """
    given = [
        *(_from_file(file) if file is not None else []),
        *_from_environment(os.environ if environment is None else environment),
        *(
            _Given(key, value, Origin("command line", f"--set {key}"), is_text=True)
            for key, value in (overrides or {}).items()
        ),
    ]
    problems: list[str] = []
    origins = dict.fromkeys(KEYS, Origin("default"))
    values: dict[str, dict[str, object]] = {}
    for item in given:
        section, _, name = item.key.partition(".")
        if item.key not in origins:
            problems.append(f"{item.origin.place}: {item.key}: there is no such key")
            continue
        try:
            value = _validated(_SECTIONS[section], name, item)
        except ValidationError as error:
            problems.append(f"{item.origin.place}: {item.key}: {_message(error)}")
            continue
        values.setdefault(section, {})[name] = value
        origins[item.key] = item.origin
    if problems:
        raise SettingsError(problems)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        message = _message(error)
        place = origins[message.partition(":")[0]].place
        raise SettingsError([f"{place}: {message}"]) from None
    return LoadedSettings(settings, origins)


def _validated(model: type[_Section], name: str, item: _Given) -> object:
    """A value by its key's type: text leniently, TOML strictly (`port = "8080"` is refused)."""
    if not item.is_text:
        text = json.dumps({name: item.value}, default=str)
        section = model.model_validate_json(text, strict=True)
    elif (text := str(item.value)).startswith("{"):
        section = model.model_validate_json(f"{{{json.dumps(name)}: {text}}}")
    else:
        section = model.model_validate({name: text})
    value: object = getattr(section, name)
    return value


def _message(error: ValidationError) -> str:
    """The first complaint, without the value: it may be a secret."""
    return error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")


def _from_environment(environment: Mapping[str, str]) -> list[_Given]:
    # Names without "__" are not ours: an orchestrator with a service called "vms" sets VMS_PORT.
    return [
        _Given(
            name.removeprefix(PREFIX).lower().replace("__", ".", 1),
            value,
            Origin("environment", name),
            is_text=True,
        )
        for name, value in sorted(environment.items())
        if name.startswith(PREFIX) and "__" in name
    ]


def _from_file(file: Path) -> list[_Given]:
    try:
        text = file.read_text(encoding="utf-8")
        document: dict[str, object] = tomllib.loads(text)
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{file}: {error}"]) from error
    lines = _lines(text)
    given: list[_Given] = []
    for section, content in document.items():
        entries = {section: content}
        if isinstance(content, dict):
            table = cast("dict[str, object]", content)
            entries = {f"{section}.{name}": value for name, value in table.items()}
        given.extend(
            _Given(
                key,
                value,
                Origin("file", f"{file}:{lines.get(key) or lines.get(section) or 1}"),
                is_text=False,
            )
            for key, value in entries.items()
        )
    return given


def _lines(text: str) -> dict[str, int]:
    """Line numbers of `[section]` headers and of keys, which `tomllib` does not tell."""
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[([\w.-]+)\]", line):
            section = header[1] + "."
            lines.setdefault(header[1], number)
        elif key := re.match(r"\s*([\w.-]+)\s*=", line):
            lines.setdefault(section + key[1], number)
    return lines
