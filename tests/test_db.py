"""The connections of the service: what they keep, and what they plan anew."""

import asyncio

from frontdesk import db
from frontdesk.settings import Settings


def test_a_refusal_keeps_the_plans(database: str) -> None:
    """A ROLLBACK must not cost the prepared statements: every loser of a race ends with one."""

    async def plans() -> tuple[int, int, int]:
        async with await db.connect(Settings(), database) as conn:
            for _ in range(2):
                try:
                    async with conn.transaction():
                        await db.one(conn, "SELECT %(n)s::int AS n", n=1)
                        raise LookupError
                except LookupError:
                    pass
            rows = await db.search(conn, "SELECT generic_plans, custom_plans FROM pg_prepared_statements")
            return len(rows), sum(r["generic_plans"] for r in rows), sum(r["custom_plans"] for r in rows)

    assert asyncio.run(plans()) == (1, 2, 0)


def test_a_search_is_planned_for_its_values(database: str) -> None:
    async def prepared() -> tuple[list[dict[str, object]], list[dict[str, object]]]:
        async with await db.connect(Settings(), database) as conn:
            found = await db.search(
                conn, "SELECT %(text)s::text AS text, %(none)s::uuid AS none", text="a'b%", none=None
            )
            return found, await db.search(conn, "SELECT FROM pg_prepared_statements")

    assert asyncio.run(prepared()) == ([{"text": "a'b%", "none": None}], [])
