"""The `frontdesk` command: a composition root, the place that joins settings, services and processes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated
from uuid import UUID

import psycopg
import typer
from pydantic import SecretStr, ValidationError
from rich.console import Console

from frontdesk import db, logs, secrets, server, worker
from frontdesk.audit import seal as sealing
from frontdesk.audit import verify as verifying
from frontdesk.auth import jobs as auth_jobs
from frontdesk.auth import service as auth
from frontdesk.auth.permissions import PERMISSIONS, Role
from frontdesk.availability import freed
from frontdesk.booking import jobs as booking_jobs
from frontdesk.errors import Problem
from frontdesk.events import commands as event_commands
from frontdesk.events import log as events_log
from frontdesk.events import replaying
from frontdesk.events.handling import Handler
from frontdesk.events.parts import parts_of
from frontdesk.imports import appointments as importing
from frontdesk.imports.directory import Defaults
from frontdesk.imports.refusals import ImportStopped
from frontdesk.notifications import preview as previews
from frontdesk.notifications import reminders, sending
from frontdesk.notifications.handler import TellPatients
from frontdesk.patients import encryption
from frontdesk.ports.limiter import postgres as limiting
from frontdesk.rights import service as rights
from frontdesk.schema import migrate as schema
from frontdesk.settings import Settings, load_settings
from frontdesk.supervisor import doctor, weak
from frontdesk.supervisor import run as supervisor
from frontdesk.supervisor.postgres import running_dsn
from frontdesk.supervisor.process import StartError
from frontdesk.waitlist import filling
from frontdesk.waitlist import jobs as waitlist_jobs
from frontdesk.waitlist.handler import MindTheWaitlist
from frontdesk.web import answers

HANDLERS: tuple[Handler, ...] = (TellPatients(), MindTheWaitlist())
"""Who hears the events of the book, in the background worker."""

JOBS: tuple[worker.Job, ...] = (
    waitlist_jobs.expire_offers,
    booking_jobs.expire_holds,
    waitlist_jobs.expire_entries,
    waitlist_jobs.LookAgain(),
    auth_jobs.answer_resets,
    reminders.Remind(),
    answers.purge,
    auth_jobs.purge,
    limiting.purge,
    rights.finish_erasures,
    encryption.Upgrade(),
    sealing.seal,
    events_log.forget,
    replaying.Replay(HANDLERS),
)
"""What the background worker does each round."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The appointment book of a clinic group.",
)
users = typer.Typer(no_args_is_help=True, help="People who log in.")
app.add_typer(users, name="user")
keys = typer.Typer(no_args_is_help=True, help="Keys of encrypted columns.")
app.add_typer(keys, name="keys")
imports = typer.Typer(no_args_is_help=True, help="Bring in what other systems have.")
app.add_typer(imports, name="import")
app.add_typer(previews.app, name="notifications")
audits = typer.Typer(no_args_is_help=True, help="The trail of who did what.")
app.add_typer(audits, name="audit")


@asynccontextmanager
async def _connected() -> AsyncIterator[db.Connection]:
    settings = _with_database()
    async with await db.connect(settings, settings.owner_dsn) as conn:
        yield conn


app.add_typer(event_commands.commands(HANDLERS, _connected), name="events")


class CommandError(Exception):
    """The command cannot do what it was asked. The message is one line for the operator."""


def main() -> None:
    """Entry point. An expected failure is one line on standard error and exit status 1, never a traceback."""
    try:
        app()
    except ValidationError as error:
        _fail(_setting_at_fault(error))
    except (CommandError, ImportStopped, StartError, schema.MigrationError, server.PortUnusable) as error:
        _fail(str(error))
    except Problem as error:
        _fail(error.detail or error.title)
    except psycopg.Error as error:
        _fail(f"the database refused: {schema.reason(error)}")


@app.command()
def run() -> None:
    """Start everything on this machine: database, cache, server and background worker; demo data on first use."""
    settings = _settings()
    sys.exit(supervisor.run(settings))


@app.command()
def serve() -> None:
    """Serve the API. Needs a migrated database."""
    settings = _with_database()
    _hand_over(settings)
    weak.refuse_demo_logins(settings, settings.owner_dsn)
    server.serve(settings)


@app.command("worker")
def work() -> None:
    """Run the background jobs until stopped."""
    settings = _with_database()
    freed.first_refusal(filling.fill)
    asyncio.run(worker.run_worker(settings, JOBS, [*parts_of(settings, HANDLERS), sending.deliver]))


@app.command("migrate")
def migrate() -> None:
    """Bring the database to the schema of this version."""
    applied = schema.migrate(_with_database().owner_dsn)
    for name in applied:
        print(f"applied {name}")
    print(f"{len(applied)} migrations applied" if applied else "The database is current.")


@app.command("demo")
def fill(
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same data. Default: FRONTDESK_DEMO_SEED.")
    ] = None,
) -> None:
    """Fill an empty database with a believable clinic group."""
    settings = _with_database()
    if settings.env == "production":
        raise CommandError("no demo in production: its passwords are known to everybody")
    schema.migrate(settings.owner_dsn)
    if not asyncio.run(supervisor.fill_if_empty(settings.owner_dsn, settings.demo_seed if seed is None else seed)):
        raise CommandError("the database is not empty: the demo fills empty ones only")
    print("The demo is in place.")


@users.command("create")
def create_user(
    email: Annotated[str, typer.Option(help="What they log in with.")],
    role: Annotated[str, typer.Option(help="admin, staff, provider or patient.")],
    clinic_id: Annotated[list[UUID] | None, typer.Option(help="Where staff work; may be repeated.")] = None,
    provider_id: Annotated[UUID | None, typer.Option(help="Whose log-in it is, for the role provider.")] = None,
    patient_id: Annotated[UUID | None, typer.Option(help="Whose log-in it is, for the role patient.")] = None,
) -> None:
    """Make a log-in. The password is asked for, or read from standard input when that is not a terminal."""
    settings = _with_database()
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise CommandError("no password was given on standard input")

    async def create() -> UUID:
        async with await db.connect(settings, settings.owner_dsn) as conn, conn.transaction():
            return await auth.create_user(
                conn,
                email=email,
                password=password,
                role=role,
                clinic_ids=clinic_id or (),
                provider_id=provider_id,
                patient_id=patient_id,
            )

    print(asyncio.run(create()))


@imports.callback()
def _import() -> None:
    """Bring in what other systems have."""  # keeps `appointments` a word of its own while it is the only one


@imports.command("appointments")
def import_appointments(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV file; see docs/import.md.")],
    provider: Annotated[str | None, typer.Option(help="Id, licence number or exact name, for all rows.")] = None,
    clinic: Annotated[str | None, typer.Option(help="Id or exact name, for all rows.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="IANA zone of starts without offset.")] = None,
    columns: Annotated[Path | None, typer.Option(help="A YAML file: our field, their column.")] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="comma, semicolon, tab or pipe. Default: by the heading.")
    ] = None,
    errors: Annotated[Path | None, typer.Option(help="Write refused lines to this CSV file.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge every line, write nothing.")] = False,
) -> None:
    """Import past or future appointments. Exit status 1 when a line was refused. Run again, it adds what is missing."""
    settings = _with_database()
    defaults = Defaults(provider=provider, clinic=clinic, time_zone=time_zone)
    report = importing.run(
        settings,
        settings.owner_dsn,
        file,
        defaults=defaults,
        columns=columns,
        delimiter=delimiter,
        errors=errors,
        dry_run=dry_run,
    )
    print(report.summary())
    sys.exit(1 if report.refused else 0)


@audits.callback()
def _audit() -> None:
    """The trail of who did what."""  # keeps `verify` a word of its own while it is the only one


@audits.command("verify")
def verify_audit() -> None:
    """Check that nobody altered, removed, moved or cut off any entry of the audit trail. Exit status 1 if somebody did.

    Run it where the background worker runs: the head of the chain is kept in its data folder.
    """
    settings = _with_database()
    anchored = sealing.heads_of(settings).read()  # before the snapshot: a head is written after its seals
    found = 0
    with schema.connect(settings.owner_dsn) as conn, verifying.one_snapshot(conn):
        check = verifying.Check(conn, anchored)
        for found, fault in enumerate(check.faults(), 1):  # noqa: B007
            print(fault)
    waiting = f", the oldest since {check.waiting_since}" if check.waiting_since else ""
    print(
        f"{check.sealed} entries are sealed, {check.erased} of them erased; {check.waiting} await their seal{waiting}."
    )
    print(f"Faults: {found}." if found else "The trail is whole.")
    sys.exit(1 if found else 0)


@keys.command("rotate")
def rotate_keys() -> None:
    """Encrypt stored national ids and insurance numbers with the newest of FRONTDESK_FIELD_KEYS. May be repeated."""
    settings = _with_database()

    async def rotate() -> int:
        async with await db.connect(settings, settings.owner_dsn) as conn:
            total = 0
            while count := await encryption.rotate(conn):
                total += count
            return total

    print(f"{asyncio.run(rotate())} patients encrypted with the newest key")


@app.command("permissions")
def permissions() -> None:
    """Who may do what: every permission, and how far it reaches for each role."""
    roles = [role.value for role in Role]
    print(f"{'permission':24}" + "".join(f"{role:>10}" for role in roles))
    for name, reaches in PERMISSIONS.items():
        print(f"{name:24}" + "".join(f"{reaches.get(Role(role), '-'):>10}" for role in roles))


@app.command("doctor")
def examine() -> None:
    """Check the settings and every configured service; exit status 1 when something is wrong."""
    settings = _settings()
    findings = doctor.examine(settings, _embedded_dsn(settings))
    Console().print(doctor.table(findings))
    sys.exit(0 if all(finding.good for finding in findings) else 1)


def _settings() -> Settings:
    """The settings of this process. Raises ValidationError, or CommandError when the YAML file cannot be read."""
    file = os.environ.get("FRONTDESK_CONFIG")
    if file and not Path(file).is_file():
        raise CommandError("FRONTDESK_CONFIG: there is no such file")
    try:
        settings = load_settings()
    except ValidationError:
        raise
    except Exception as error:
        # Whatever the YAML reader or the environment reader trips over; its text may quote a secret.
        raise CommandError(f"the settings cannot be read ({type(error).__name__}): look at FRONTDESK_CONFIG") from None
    logs.configure(settings.log_level)
    return settings


def _embedded_dsn(settings: Settings) -> str | None:
    return running_dsn(settings.data_dir / "postgres")


def _with_database() -> Settings:
    """Settings that name a database: the configured one, or the embedded one while `frontdesk run` runs."""
    settings = _settings()
    if settings.database_url is None:
        dsn = _embedded_dsn(settings)
        if dsn is None:
            raise CommandError("no database: set FRONTDESK_DATABASE_URL, or leave `frontdesk run` running beside this")
        settings = settings.model_copy(update={"database_url": SecretStr(dsn)})
    return settings


def _hand_over(settings: Settings) -> None:
    """Server workers read their settings from the environment: give them what was found out here."""
    if settings.database_url is not None:
        os.environ["FRONTDESK_DATABASE_URL"] = settings.database_url.get_secret_value()
    os.environ["FRONTDESK_SECRET"] = secrets.load_or_create(settings)


def _setting_at_fault(error: ValidationError) -> str:
    """`FRONTDESK_PORT: Input should be …` for the first fault; never the value, which may be a secret."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = "_".join(str(part) for part in fault["loc"]).upper()
    message = fault["msg"].removeprefix("Value error, ")
    return f"FRONTDESK_{name}: {message}" if name else f"bad setting: {message}"


def _fail(message: str) -> None:
    sys.stderr.write(f"frontdesk: {message.splitlines()[0] if message else 'failed'}\n")
    sys.exit(1)
