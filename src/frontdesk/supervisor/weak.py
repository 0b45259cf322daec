"""What is fine on a laptop and opens the door in production: known log-ins, addresses without a password."""

import psycopg
from psycopg import conninfo
from psycopg.rows import dict_row

from frontdesk import demo
from frontdesk.schema import migrate as schema
from frontdesk.settings import Settings
from frontdesk.supervisor.process import StartError

_LOCAL = {"", "localhost", "127.0.0.1", "::1"}


def refuse_demo_logins(settings: Settings, dsn: str) -> None:
    """Raise StartError when, in production, an active log-in of the demo is there: its password is in our README.

    A database that cannot be reached or is not migrated yet is no reason not to start: the service waits for it.
    """
    if settings.env != "production":
        return
    try:
        with schema.connect(dsn) as conn:
            found = demo_logins(conn)
    except schema.MigrationError:
        return
    if found:
        raise StartError(f"log-ins of the demo are active in production ({', '.join(found)}): deactivate them")


def demo_logins(conn: schema.Connection) -> list[str]:
    """The demo's log-ins that work in this database; [] where there is no table of them yet."""
    try:
        rows = conn.cursor(row_factory=dict_row).execute(
            "SELECT email FROM user_account WHERE lower(email) = ANY (%s) AND active ORDER BY email",
            (list(demo.LOGINS),),
        )
        return [str(row["email"]) for row in rows]
    except psycopg.errors.UndefinedTable:
        return []


def addresses_without_password(settings: Settings) -> list[str]:
    """The settings that name a database across the network without a password."""
    found = []
    for name in ("database_url", "owner_database_url"):
        url = getattr(settings, name)
        try:
            parts = conninfo.conninfo_to_dict(url.get_secret_value()) if url else {"password": "-"}
        except psycopg.ProgrammingError:
            continue  # connecting says so
        host = str(parts.get("host") or "")
        if not parts.get("password") and host not in _LOCAL and not host.startswith("/"):
            found.append(f"FRONTDESK_{name.upper()}")
    return found
