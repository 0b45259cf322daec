"""Bring a database to the schema of this code, one numbered file at a time."""

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

import psycopg
from psycopg import conninfo, sql
from psycopg.rows import DictRow, dict_row

from frontdesk.db import SERVICE_ROLE

Connection = psycopg.Connection[DictRow]

OLDEST_SERVER = 15
"""UNIQUE NULLS NOT DISTINCT, MERGE and owner-only schema public are of PostgreSQL 15."""

EXTENSIONS = ("btree_gist", "pg_trgm", "unaccent")
LOCK = 7_146_003_901  # any number, the same for every migrator of this database
CONNECT_PATIENCE_S = 5

_NAME = re.compile(r"\d{4}_\w+\.sql")


class MigrationError(Exception):
    """The database cannot be brought to this schema. The message is one line, without values of any row."""


@dataclass(frozen=True)
class Migration:
    """One file of `migrations/`."""

    name: str  # "0001_initial"
    text: str

    @property
    def sha256(self) -> str:
        """Digest of the text, line ends made equal: an edit shows, a checkout on another system does not."""
        return hashlib.sha256(self.text.replace("\r\n", "\n").encode()).hexdigest()


def _folder() -> Traversable:
    return resources.files("frontdesk.schema")


def schema_sql() -> str:
    """The readable schema: every `schema/*.sql` in the order of names, as one script."""
    files = sorted((file for file in _folder().iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return "\n".join(file.read_text("utf-8") for file in files)


def migrations() -> list[Migration]:
    """The migrations of this code, in order. Raises MigrationError on a file that is not named NNNN_name.sql."""
    found = []
    for file in sorted(_folder().joinpath("migrations").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            if not _NAME.fullmatch(file.name):
                raise MigrationError(f"migration {file.name} is not named NNNN_name.sql")
            found.append(Migration(file.name.removesuffix(".sql"), file.read_text("utf-8")))
    numbers = [migration.name[:4] for migration in found]
    if len(set(numbers)) != len(numbers):
        raise MigrationError("two migrations carry the same number")
    return found


def migrate(dsn: str) -> list[str]:
    """Apply what is missing, each file in one transaction, and return the names applied; [] when nothing was.

    Safe to call from many processes at once: one works, the others wait and find nothing to do. A statement waits
    10 s for a table's lock and no longer, so that a migration queues no traffic behind it.
    Raises MigrationError, with the database as the last whole migration left it.
    """
    ours = migrations()
    with connect(dsn) as conn:
        check_server(conn)
        done = []
        try:
            conn.execute("SET statement_timeout = '10min'")
            conn.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
            _ensure_service_role(conn)
            conn.execute("SET lock_timeout = '10s'")
            conn.execute(_CREATE_RECORD)
            for migration in _missing(conn, ours):
                _apply(conn, migration)
                done.append(migration.name)
            conn.execute(_KEEP_RECORD)
        except psycopg.Error as error:
            raise MigrationError(f"migrating failed: {reason(error)}") from None
        return done


def pending(conn: Connection) -> list[str]:
    """Names of the migrations this database lacks. Raises MigrationError as `migrate` would; changes nothing."""
    exists = conn.execute("SELECT to_regclass('public.schema_migration') IS NOT NULL AS yes").fetchone()
    ours = migrations()
    missing = _missing(conn, ours) if exists and exists["yes"] else ours
    return [migration.name for migration in missing]


def connect(dsn: str) -> Connection:
    """An autocommit connection. Raises MigrationError with one line and no part of the address's password."""
    try:
        conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # libpq quotes the text it cannot read, and that text may hold the password.
        raise MigrationError("the database address is not a valid postgresql:// URL") from None
    try:
        return psycopg.connect(dsn, autocommit=True, row_factory=dict_row, connect_timeout=CONNECT_PATIENCE_S)
    except psycopg.OperationalError as error:
        raise MigrationError(f"the database cannot be reached: {reason(error)}") from None


def check_server(conn: Connection) -> str:
    """The server's version, as text. Raises MigrationError if it is too old or lacks an extension we need."""
    version = conn.info.server_version
    if version < OLDEST_SERVER * 10_000:
        raise MigrationError(f"PostgreSQL {version // 10_000} is too old: Frontdesk needs {OLDEST_SERVER} or newer")
    known = conn.execute(
        "SELECT name FROM pg_available_extensions WHERE name = ANY(%s)", (list(EXTENSIONS),)
    ).fetchall()
    lacking = sorted(set(EXTENSIONS) - {str(row["name"]) for row in known})
    if lacking:
        raise MigrationError(
            f"the database server lacks the extension {', '.join(lacking)}: install postgresql-contrib"
        )
    return f"{version // 10_000}.{version % 10_000}"


def reason(error: psycopg.Error) -> str:
    """The first line of an error, without its DETAIL: that one quotes rows."""
    said = error.diag.message_primary or str(error) or type(error).__name__
    return said.strip().splitlines()[0]


_CREATE_RECORD = """
CREATE TABLE IF NOT EXISTS public.schema_migration (
    name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""

_KEEP_RECORD = f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON public.schema_migration FROM {SERVICE_ROLE}"


def _missing(conn: Connection, ours: list[Migration]) -> list[Migration]:
    rows = conn.execute("SELECT name, sha256 FROM public.schema_migration ORDER BY name").fetchall()
    applied = {str(row["name"]): row["sha256"] for row in rows}
    strangers = sorted(set(applied) - {migration.name for migration in ours})
    if strangers:
        raise MigrationError(f"the database is newer than this code: it has {strangers[-1]}, which is unknown here")
    for migration in ours:
        if applied.get(migration.name, migration.sha256) != migration.sha256:
            raise MigrationError(f"migration {migration.name} was edited after it was applied: write a new one")
    return [migration for migration in ours if migration.name not in applied]


def _ensure_service_role(conn: Connection) -> None:
    """Make the role that the service works as, and let ours take it on. Raises MigrationError when we may not.

    Roles belong to the whole cluster: a migrator of another database may be making it at the same moment.
    """
    for _ in range(5):
        try:
            role = conn.execute(
                "SELECT rolsuper OR rolbypassrls AS unbound, pg_has_role(current_user, oid, 'MEMBER') AS ours"
                " FROM pg_roles WHERE rolname = %s",
                (SERVICE_ROLE,),
            ).fetchone()
            if role is None:
                conn.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(SERVICE_ROLE)))
            elif role["unbound"]:
                raise MigrationError(f"the role {SERVICE_ROLE} must be neither SUPERUSER nor BYPASSRLS")
            elif not role["ours"]:
                conn.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(SERVICE_ROLE)))
            else:
                return
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation, psycopg.errors.InternalError):
            continue
        except psycopg.errors.InsufficientPrivilege:
            break
    raise MigrationError(
        f"the role {SERVICE_ROLE} is missing; as a superuser: CREATE ROLE {SERVICE_ROLE};"
        f" GRANT {SERVICE_ROLE} TO {conn.info.user};"
    )


def _apply(conn: Connection, migration: Migration) -> None:
    try:
        with conn.transaction():
            # Whatever the role's search_path says: tables live in schema public.
            conn.execute("SET LOCAL search_path = public")
            conn.execute(migration.text.encode())
            conn.execute(
                "INSERT INTO public.schema_migration (name, sha256) VALUES (%s, %s)", (migration.name, migration.sha256)
            )
    except psycopg.Error as error:
        raise MigrationError(f"migration {migration.name} failed: {reason(error)}") from None
