"""Accounts in the database: the last admin, sessions that are over, accounts the command line makes."""

import asyncio
from typing import Any
from uuid import UUID

import psycopg
import pytest

from frontdesk import db, ids
from frontdesk.auth import passwords, service, sessions
from frontdesk.auth.permissions import Actor, Role
from frontdesk.errors import InvalidRequest, Unauthenticated
from frontdesk.settings import Settings
from tests.auth.people import PASSWORD, new_email

ACTOR = Actor(user_id=ids.SYSTEM, role=Role.ADMIN, request_id=ids.new_id())
KEY = b"k" * 32


async def made(conn: db.Connection, **fields: Any) -> UUID:
    return await service.create_user(conn, **{"email": new_email(), "password": PASSWORD, "role": "admin"} | fields)


async def changed(conn: db.Connection, user_id: UUID, **changes: Any) -> str:
    """What became of a change: "changed" or "last-admin"."""
    try:
        async with conn.transaction():
            await service.change_user(conn, ACTOR, user_id, None, changes)
    except service.LastAdmin as refused:
        return refused.slug
    return "changed"


def test_the_last_active_admin_stays(database: str) -> None:
    async def scene() -> None:
        async with await db.connect(Settings(), database) as conn:
            last = await made(conn)
            gone = await made(conn)
            await made(conn, role="staff")
            assert await changed(conn, gone, active=False) == "changed"
            assert await changed(conn, last, active=False) == "last-admin"
            assert await changed(conn, last, role="staff") == "last-admin"
            assert await changed(conn, last, may_report=True, active=True, role="admin") == "changed"
            assert await changed(conn, gone, active=True) == "changed"
            assert await changed(conn, last, role="staff") == "changed"

    asyncio.run(scene())


@pytest.mark.parametrize("change", [{"active": False}, {"role": "staff"}])
def test_admins_who_end_each_other_at_once_leave_one(database: str, change: dict[str, Any]) -> None:
    """Four admins, each ended by a rival, on 15 days: three go, one stays, nobody deadlocks."""

    async def scene() -> None:
        conns = [await db.connect(Settings(), database) for _ in range(4)]
        try:
            admins = [await made(conns[0]) for _ in conns]
            for _ in range(15):
                outcomes = await asyncio.gather(
                    *(changed(conn, user_id, **change) for conn, user_id in zip(conns, admins, strict=True))
                )
                assert sorted(outcomes) == ["changed"] * 3 + ["last-admin"]
                query = "SELECT count(*) AS n FROM user_account WHERE role = 'admin' AND active"
                assert await db.one(conns[0], query) == {"n": 1}
                await db.run(conns[0], "UPDATE user_account SET active = true, role = 'admin'")
        finally:
            for conn in conns:
                await conn.close()

    asyncio.run(scene())


def test_who_was_deactivated_between_password_and_session_gets_none(database: str) -> None:
    async def scene() -> None:
        async with await db.connect(Settings(), database) as conn, await db.connect(Settings(), database) as other:
            user_id = await made(conn, role="staff")
            stored = await db.one(conn, "SELECT password_hash FROM user_account WHERE id = %(id)s", id=user_id)
            assert stored is not None
            proven = sessions.Proven(user_id, stored["password_hash"])
            async with conn.transaction():
                await service.change_user(conn, ACTOR, user_id, None, {"active": False})
                late = asyncio.ensure_future(sessions.log_in(other, ACTOR, proven, KEY))
                query = "SELECT count(*) AS n FROM pg_locks WHERE NOT granted"
                while not late.done() and (await db.one(conn, query)) == {"n": 0}:
                    await asyncio.sleep(0.01)
            with pytest.raises(Unauthenticated):
                await late
            assert await db.one(conn, "SELECT count(*) AS n FROM login_session") == {"n": 0}

    asyncio.run(scene())


def test_sessions_long_over_are_forgotten_and_the_trail_says_by_whom(database: str) -> None:
    async def scene() -> None:
        async with await db.connect(Settings(), database) as conn:
            user_id = await made(conn)
            for days, revoked in ((-31, False), (-29, False), (5, False), (5, True)):
                await db.run(
                    conn,
                    "INSERT INTO login_session"
                    " (id, user_id, refresh_hash, expires_at, revoked_at, changed_by, request_id)"
                    " VALUES (%(id)s, %(user)s, '', now() + %(days)s * interval '1 day',"
                    " CASE WHEN %(revoked)s THEN now() - interval '31 days' END, %(user)s, %(id)s)",
                    id=ids.new_id(),
                    user=user_id,
                    days=days,
                    revoked=revoked,
                )
            assert await sessions.purge(conn) == 2
            assert await sessions.purge(conn) == 0
            left = await db.many(
                conn, "SELECT revoked_at, expires_at > now() - interval '30 days' AS recent FROM login_session"
            )
            assert [(row["revoked_at"], row["recent"]) for row in left] == [(None, True)] * 2
            trail = await db.many(conn, "SELECT DISTINCT actor FROM audit_entry WHERE action = 'DELETE'")
            assert trail == [{"actor": ids.SYSTEM}]

    asyncio.run(scene())


def test_an_expired_session_cannot_be_refreshed(database: str) -> None:
    async def scene() -> None:
        async with await db.connect(Settings(), database) as conn:
            user_id = await made(conn)
            stored = await db.one(conn, "SELECT password_hash FROM user_account WHERE id = %(id)s", id=user_id)
            assert stored is not None
            tokens = await sessions.log_in(conn, ACTOR, sessions.Proven(user_id, stored["password_hash"]), KEY)
            tokens = await sessions.refresh(conn, ACTOR, tokens["refresh_token"], KEY)
            await db.run(conn, "UPDATE login_session SET expires_at = now()")
            with pytest.raises(sessions.RefreshRefused):
                await sessions.refresh(conn, ACTOR, tokens["refresh_token"], KEY)

    asyncio.run(scene())


def test_refresh_tokens_are_not_stored(database: str) -> None:
    async def scene() -> None:
        async with await db.connect(Settings(), database) as conn:
            user_id = await made(conn)
            stored = await db.one(conn, "SELECT * FROM user_account WHERE id = %(id)s", id=user_id)
            assert stored is not None
            assert passwords.verify_password(stored["password_hash"], PASSWORD)
            assert (stored["changed_by"], stored["role"], stored["active"]) == (ids.SYSTEM, "admin", True)
            tokens = await sessions.log_in(conn, ACTOR, sessions.Proven(user_id, stored["password_hash"]), KEY)
            secret = tokens["refresh_token"].partition(".")[2].encode()
            rows = await db.many(conn, "SELECT refresh_hash FROM login_session")
            assert [len(row["refresh_hash"]) for row in rows] == [32]
            assert all(secret not in row["refresh_hash"] for row in rows)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"password": "short77"}, "password"),
        ({"email": "nowhere"}, "email"),
        ({"role": "anonymous"}, "role"),
        ({"role": "patient"}, "patient_id"),
        ({"clinic_ids": [ids.ANONYMOUS]}, "does not exist"),
    ],
)
def test_the_command_line_is_told_what_is_wrong_and_no_password(
    database: str, fault: dict[str, Any], named: str
) -> None:
    async def scene() -> None:
        async with await db.connect(Settings(), database) as conn:
            with pytest.raises(InvalidRequest) as refused:
                await made(conn, **fault)
            assert named in str(refused.value)
            assert "short77" not in str(refused.value)
            assert await db.one(conn, "SELECT count(*) AS n FROM user_account") == {"n": 0}

    asyncio.run(scene())


def test_the_command_line_is_told_that_an_address_is_taken(database: str) -> None:
    async def scene() -> None:
        async with await db.connect(Settings(), database) as conn:
            await made(conn, email="a@auth.test")
            with pytest.raises(service.EmailTaken):
                await made(conn, email="A@auth.test")

    asyncio.run(scene())
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT email FROM user_account").fetchall() == [("a@auth.test",)]
