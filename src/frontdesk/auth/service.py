"""Accounts: who may log in, and as what."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg
from pydantic import ValidationError

from frontdesk import db, errors, ids
from frontdesk.auth import passwords
from frontdesk.auth.events import PatientRegistered
from frontdesk.auth.models import NewUser
from frontdesk.auth.permissions import Actor, Role
from frontdesk.db import Connection
from frontdesk.errors import Conflict, InvalidRequest, NotFound
from frontdesk.events import outbox
from frontdesk.sql import load
from frontdesk.web import pages, versions

q = load(__package__)


class EmailTaken(Conflict):
    """Another account has this e-mail address."""

    slug, title = "email-taken", "E-mail address already in use"


class LastAdmin(Conflict):
    """Without an active admin nobody could manage users any more."""

    slug, title = "last-admin", "This is the last active admin"


_TAKEN = "Log in with this e-mail address, or use another."

errors.register("user_account_email_once", EmailTaken, _TAKEN)
errors.register("user_account_patient_linked", InvalidRequest, "A user with the role patient needs patient_id.")
errors.register("user_account_provider_linked", InvalidRequest, "A user with the role provider needs provider_id.")


async def register(conn: Connection, actor: Actor, patient: dict[str, Any], password_hash: str) -> dict[str, Any]:
    """Make a patient's record and the account that belongs to it. Writes PatientRegistered. Raises EmailTaken.

    A record that may be the same person's is not linked: a name and a birth date prove nothing; the desk links them.
    """
    patient_id = await add_patient(conn, actor, {"language": None} | patient)
    account = {"email": patient["email"], "role": Role.PATIENT, "patient_id": patient_id}
    return await add_user(conn, actor, account, password_hash)


async def add_patient(conn: Connection, actor: Actor, patient: dict[str, Any]) -> UUID:
    """Make the record of somebody who comes by themselves. Writes PatientRegistered. Answers its id."""
    patient_id = ids.new_id()
    await db.run(conn, q.insert_patient, id=patient_id, **patient, **actor.stamp)
    await outbox.record(conn, actor, PatientRegistered(patient_id=patient_id))
    return patient_id


async def create_user(
    conn: Connection,
    *,
    email: str,
    password: str,
    role: str,
    patient_id: UUID | None = None,
    provider_id: UUID | None = None,
    clinic_ids: Iterable[UUID] = (),
    actor: Actor | None = None,
) -> UUID:
    """Make an account, for the command line and the demo; without an `actor` the system makes it. Answers its id.

    Hashes the password beside the event loop. Raises InvalidRequest for an address, role, link or password that the
    API would refuse, and EmailTaken.
    """
    asked = {
        "email": email,
        "password": password,
        "role": role,
        "patient_id": patient_id,
        "provider_id": provider_id,
        "clinic_ids": list(clinic_ids),
    }
    try:
        new = NewUser.model_validate(asked)
        user = await add_user(
            conn, actor or system(), new.model_dump(exclude={"password"}), await passwords.hashed(password)
        )
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        # `from None`: the error holds what was asked, the password included.
        raise InvalidRequest(": ".join([*map(str, fault["loc"]), fault["msg"].removeprefix("Value error, ")])) from None
    except psycopg.Error as error:
        problem = errors.from_database(error)
        if problem is None:
            raise
        raise problem from error
    return UUID(str(user["id"]))


async def add_user(conn: Connection, actor: Actor, account: dict[str, Any], password_hash: str) -> dict[str, Any]:
    """Make an account and answer it. Raises EmailTaken."""
    user_id = ids.new_id()
    blank: dict[str, Any] = {"patient_id": None, "provider_id": None, "clinic_ids": [], "may_report": False}
    await db.run(conn, q.insert_user, **blank | account, id=user_id, password_hash=password_hash, **actor.stamp)
    user = await db.one(conn, q.find_user, user_id=user_id)
    if user is None:
        raise EmailTaken(_TAKEN)
    return user


async def get_user(conn: Connection, user_id: UUID) -> dict[str, Any]:
    """One account, without its password. Raises NotFound."""
    user = await db.one(conn, q.find_user, user_id=user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user


async def list_users(
    conn: Connection, *, role: str | None, active: bool | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """One page of accounts in the order of their creation."""
    rows = await db.search(conn, q.list_users, role=role, active=active, rows=limit + 1, **pages.after_id(cursor))
    return pages.page(rows, limit, "id")


async def change_user(
    conn: Connection, actor: Actor, user_id: UUID, expected: int | None, changes: dict[str, Any]
) -> dict[str, Any]:
    """Change the fields given; `clinic_ids` replaces the set, `password_hash` the password. Answers the account.

    A change of role or password, and deactivation, end all sessions of the user.
    Raises NotFound, StaleVersion, EmailTaken, and LastAdmin when no active admin would be left.
    """
    if changes.get("active") is False or changes.get("role", Role.ADMIN) != Role.ADMIN:
        admins = {row["id"] for row in await db.many(conn, q.lock_admins)}
        if admins == {user_id}:
            raise LastAdmin("Make somebody else an admin first.")
    before = await db.one(conn, q.lock_user, user_id=user_id)
    if before is None:
        raise NotFound("There is no such user.")
    versions.check(expected, before["version"])
    if changes:
        after = before | changes
        await db.run(conn, q.update_user, **after, user_id=user_id, **actor.stamp)
        if "clinic_ids" in changes:
            await _work_at(conn, actor, user_id, changes["clinic_ids"])
        if not after["active"] or any(after[key] != before[key] for key in ("role", "password_hash")):
            await db.run(conn, q.end_sessions_of, user_id=user_id, but_for=None, **actor.stamp)
    return await get_user(conn, user_id)


async def _work_at(conn: Connection, actor: Actor, user_id: UUID, clinic_ids: list[UUID]) -> None:
    await db.one(conn, q.set_deleter, **actor.stamp)
    await db.run(conn, q.leave_clinics, user_id=user_id, clinic_ids=clinic_ids)
    await db.run(conn, q.join_clinics, user_id=user_id, clinic_ids=clinic_ids, **actor.stamp)


def system() -> Actor:
    """Who acts where nobody asked: the background worker and the command line."""
    return Actor(user_id=ids.SYSTEM, role=Role.ADMIN, request_id=ids.new_id())
