"""The commands. Settings are read here, once; nothing below reads them again.

What a command needs is imported when it runs: an account is added without loading codecs.
"""

import gc
import json
import os
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.settings import LoadedSettings, Settings, SettingsError, load
from vms.accounts.model import Actor, Role
from vms.clock import SystemClock
from vms.console import fail, run, until_signal
from vms.logs import set_up_logs
from vms.simulator.command import simulate_cameras
from vms.site import Language
from vms.spreadsheets.columns import Kind

if TYPE_CHECKING:
    from vms.accounts.service import Accounts
    from vms.figures.dimensions import Dimension

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A GB/T 28181 video-management server.",
)
report_app = typer.Typer(no_args_is_help=True, help="Reports from what is on file.")
user_app = typer.Typer(no_args_is_help=True, help="Accounts.")
key_app = typer.Typer(no_args_is_help=True, help="API keys.")
db_app = typer.Typer(no_args_is_help=True, help="The database's schema.")
config_app = typer.Typer(no_args_is_help=True, help="The effective settings.")
app.add_typer(report_app, name="report")
app.add_typer(user_app, name="user")
app.add_typer(key_app, name="key")
app.add_typer(db_app, name="db")
app.add_typer(config_app, name="config")

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings as TOML; see config/vms.toml.")
]
SettingsList = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, section.key=value; goes before file and environment."),
]
BY_COMMAND = Actor("command line")

TheLanguage = Annotated[Language, typer.Option("--language", help="Of headings and sentences.")]
TheServer = Annotated[
    str | None,
    typer.Option(
        "--server",
        help="Go through a server that runs, http://HOST:PORT; its API key is in VMS_API_KEY.",
    ),
]
TheAuthority = Annotated[
    Path | None, typer.Option("--authority", help="The certificate by which the server's counts.")
]


def main() -> None:
    """The entry point `vms`."""
    app()


@app.command()
def serve(config: ConfigFile = None, settings: SettingsList = None) -> None:
    """Run the server until SIGINT or SIGTERM."""
    loaded = _load(config, settings)
    set_up_logs()
    run(_serve(loaded.settings))


@app.command()
def demo(
    cameras: Annotated[int, typer.Option(min=1, max=500, help="How many cameras.")] = 16,
    http_port: Annotated[int, typer.Option(min=0, max=65535)] = 8080,
) -> None:
    """The server in a scratch folder, with simulated cameras, some of them faulty."""
    set_up_logs("warning")
    from vms.demonstration import demonstrate

    run(demonstrate(cameras, http_port))


app.command(name="simulate")(simulate_cameras)


@app.command()
def doctor(config: ConfigFile = None, settings: SettingsList = None) -> None:
    """Check ports, addresses, buffers, disk, database and codecs; each finding with its remedy."""
    from vms.doctor import findings

    loaded = _load(config, settings)
    is_well = True
    for finding in run(findings(loaded.settings)):
        is_well = is_well and finding.is_well
        mark = "ok  " if finding.is_well else "FAIL"
        typer.echo(f"{mark}  {finding.check}: {finding.text}")
        if not finding.is_well:
            typer.echo(f"      -> {finding.remedy}")
    raise typer.Exit(0 if is_well else 1)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A capture: pcap.")],
    server: Annotated[
        str | None,
        typer.Option(help="Our side, HOST:PORT; without it, the first that is asked to register."),
    ] = None,
) -> None:
    """Feed a capture to the real cores; print its messages and what they change."""
    from vms.diagnosis.pcap import NoCaptureError, read
    from vms.diagnosis.replay import Replay

    host, _, port = (server or "").rpartition(":")
    if server is not None and not (host and port.isascii() and port.isdigit()):
        fail(f"--server {server}: write it as HOST:PORT")
    ours = (host.strip("[]"), int(port)) if server is not None else None
    try:
        for line in Replay(ours).lines(read(file.read_bytes())):
            typer.echo(line)
    except NoCaptureError as error:
        fail(f"{file}: {error}")


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from api.app import openapi_document

    typer.echo(json.dumps(openapi_document(), ensure_ascii=False, indent=2))


@app.command("import")
def import_(
    kind: Kind,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="xlsx, xls, ods or csv.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing.")] = False,
    language: TheLanguage = "en",
    server: TheServer = None,
    authority: TheAuthority = None,
    config: ConfigFile = None,
    settings: SettingsList = None,
) -> None:
    """Import a spreadsheet; refused rows are put beside it, to be mended. Status 3: there are some.

    On the database of a server that stands still, or through one that runs (--server).
    """
    from vms.cli_sheets import Door, import_sheet

    door = None if server is None else Door(server, authority)
    import_sheet(
        _load(config, settings).settings,
        kind,
        file,
        is_trial=dry_run,
        language=language,
        door=door,
    )


@app.command("export")
def export(
    kind: Kind,
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Ends in .xlsx or .csv.")],
    language: TheLanguage = "en",
    server: TheServer = None,
    authority: TheAuthority = None,
    config: ConfigFile = None,
    settings: SettingsList = None,
) -> None:
    """Write what is on file as a spreadsheet, IDs as text; an import of it changes nothing."""
    from vms.cli_sheets import Door, export_sheet

    door = None if server is None else Door(server, authority)
    export_sheet(_load(config, settings).settings, kind, file, language=language, door=door)


@report_app.command("online-rate")
def report_online_rate_(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.")],
    after: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Not included.")],
    group_by: Annotated[
        str, typer.Option(help="One dimension or two, with a comma; a circular: division_2 to 8.")
    ] = "all",
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="A circular as .xlsx or .pdf, or the rows as .csv."),
    ] = None,
    language: TheLanguage = "en",
    config: ConfigFile = None,
    settings: SettingsList = None,
) -> None:
    """Online rates of whole days, from the database; a server may run beside it."""
    from vms.cli_report import Order, report_online_rate

    order = Order(first.date(), after.date(), _dimensions(group_by), out, language)
    report_online_rate(_load(config, settings).settings, order)


@user_app.command("add")
def user_add(
    username: str,
    role: Role = Role.OPERATOR,
    config: ConfigFile = None,
    settings: SettingsList = None,
) -> None:
    """Add a user; the password is asked for, or read from standard input."""
    password = _ask_password()

    async def work(accounts: "Accounts") -> None:
        await accounts.add_user(username, password, role, BY_COMMAND)

    _with_accounts(_load(config, settings).settings, work)
    typer.echo(f"{username} may sign in as {role.value}.")


@user_app.command("passwd")
def user_passwd(username: str, config: ConfigFile = None, settings: SettingsList = None) -> None:
    """Set a user's password; what was signed in with the old one ends."""
    password = _ask_password()

    async def work(accounts: "Accounts") -> None:
        await accounts.set_password(username, password, BY_COMMAND)

    _with_accounts(_load(config, settings).settings, work)
    typer.echo(f"{username} has a new password.")


@user_app.command("list")
def user_list(config: ConfigFile = None, settings: SettingsList = None) -> None:
    """List users and roles."""

    async def work(accounts: "Accounts") -> None:
        for user in await accounts.users():
            typer.echo(f"{user.username}\t{user.role.value}")

    _with_accounts(_load(config, settings).settings, work)


@key_app.command("add")
def key_add(
    name: str,
    owner: Annotated[str, typer.Option(help="The user it acts for.")] = "admin",
    role: Role = Role.VIEWER,
    config: ConfigFile = None,
    settings: SettingsList = None,
) -> None:
    """Make an API key and print it; it is shown this once."""

    async def work(accounts: "Accounts") -> None:
        made = await accounts.add_key(name, await accounts.user(owner), role, BY_COMMAND)
        typer.echo(made.text)

    _with_accounts(_load(config, settings).settings, work)


@key_app.command("revoke")
def key_revoke(key_id: str, config: ConfigFile = None, settings: SettingsList = None) -> None:
    """Make an API key worthless at once."""

    async def work(accounts: "Accounts") -> None:
        await accounts.revoke_key(key_id, BY_COMMAND)

    _with_accounts(_load(config, settings).settings, work)
    typer.echo(f"{key_id} is revoked.")


@db_app.command("upgrade")
def db_upgrade(config: ConfigFile = None, settings: SettingsList = None) -> None:
    """Bring the schema up to date; `vms serve` does it by itself."""
    from vms.persistence.database import upgrade

    url = _load(config, settings).settings.database.url
    run(upgrade(url))
    typer.echo(_revisions(url))


@db_app.command("current")
def db_current(config: ConfigFile = None, settings: SettingsList = None) -> None:
    """Tell the schema's revision."""
    typer.echo(_revisions(_load(config, settings).settings.database.url))


@config_app.command("print")
def config_print(config: ConfigFile = None, settings: SettingsList = None) -> None:
    """Every setting, its value and where that came from; secrets are masked."""
    for row in _load(config, settings).effective():
        typer.echo(f"{row.key} = {row.value}    # {row.origin}")


@config_app.command("check")
def config_check(config: ConfigFile = None, settings: SettingsList = None) -> None:
    """Say whether the server would start with these settings."""
    _load(config, settings)
    typer.echo("These settings are valid.")


async def _serve(settings: Settings) -> None:
    from vms.serving import running

    folder = Path(settings.storage.root).parent
    # What a city has on file stays: looking through it for garbage, again and again, would stop
    # everything for most of a second each time.
    gc.disable()
    async with running(settings, folder) as up:
        gc.freeze()
        gc.enable()
        typer.echo(f"The server answers at {up.url}")
        if up.server.setup_code is not None:
            typer.echo(f"Nobody can sign in yet. One-time set-up code: {up.server.setup_code}")
        await until_signal()
        typer.echo("Stopping.")


def _revisions(url: str) -> str:
    from vms.persistence.database import current_revision

    current, newest = run(current_revision(url))
    return f"{current or 'no schema yet'} (newest: {newest})"


def _with_accounts(
    settings: Settings, work: Callable[["Accounts"], Coroutine[None, None, None]]
) -> None:
    from vms.accounts.service import Accounts
    from vms.persistence.account_store import SqlAccountStore
    from vms.persistence.database import Database

    async def opened() -> None:
        async with Database.open(settings.database.url) as database:
            await work(Accounts(SqlAccountStore(database), SystemClock()))

    run(opened())


def _load(config: Path | None, settings: list[str] | None) -> LoadedSettings:
    overrides: dict[str, str] = {}
    for each in settings or ():
        key, equals, value = each.partition("=")
        if not equals:
            fail(f"--set {each}: write it as section.key=value")
        overrides[key] = value
    try:
        return load(config, os.environ, overrides)
    except SettingsError as error:
        fail("\n".join(error.problems))


def _dimensions(text: str) -> "tuple[Dimension, ...]":
    """Ends the process with a sentence for one that there is not."""
    from vms.figures.dimensions import Dimension

    try:
        return tuple(Dimension(name.strip()) for name in text.split(","))
    except ValueError:
        fail(f"{text}: group by one or two of {', '.join(Dimension)}")


def _ask_password() -> str:
    if sys.stdin.isatty():
        answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return answer
    return sys.stdin.readline().rstrip("\n")
