import asyncio, time
import psycopg
from frontdesk import db, ids
from frontdesk.auth.permissions import Actor, Role
from frontdesk.availability import freed
from frontdesk.booking import service as booking
from frontdesk.settings import Settings
from frontdesk.waitlist import filling
from tests.make import Make
from tests.waitlist.crowd import Crowd
from uuid import UUID


def test_prof(database):
    with psycopg.connect(database, autocommit=True) as c:
        crowd = Crowd(None, Make(c), providers=10, slots=10, waiting=500)

    async def main():
        freed.first_refusal(filling.fill)
        async with await db.connect(Settings(database_url=database), database) as conn:
            actor = Actor(user_id=ids.SYSTEM, role=Role.ADMIN, request_id=ids.new_id())
            log = []

            def wrap(name):
                orig = getattr(db, name)

                async def w(conn, query, **p):
                    t = time.perf_counter()
                    try:
                        return await orig(conn, query, **p)
                    finally:
                        log.append((time.perf_counter() - t, " ".join(query.split())[:70]))

                return w

            real = {n: getattr(db, n) for n in ("one", "many", "run", "search", "send")}
            for k, id_ in enumerate(list(crowd.visits)[:30]):
                if k == 5:
                    for n in real:
                        setattr(db, n, wrap(n))
                t, cpu = time.perf_counter(), time.process_time()
                async with conn.transaction():
                    await booking.step(conn, actor, UUID(id_), "cancelled", reason=None)
                if k % 5 == 4:
                    print(
                        k,
                        round((time.perf_counter() - t) * 1000, 1),
                        "ms cpu",
                        round((time.process_time() - cpu) * 1000, 1),
                    )
            for n, f in real.items():
                setattr(db, n, f)
            by = {}
            for t, s in log:
                by.setdefault(s, []).append(t * 1000)
            import statistics

            for s, ts in by.items():
                print(len(ts), round(statistics.median(ts), 2), round(min(ts), 2), s)

    asyncio.run(main())
