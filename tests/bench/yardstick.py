"""The yardstick: what PostgreSQL itself does with the rows of a booking, one booking a transaction, by pgbench.

The same server, table, constraints, triggers and outbox; no HTTP, no permission, no rule of the schedule.
"""

import re
import subprocess
import tempfile
from pathlib import Path

from frontdesk.supervisor.postgres import wheel_bin_dir
from tests.bench.book import PGBENCH, Book

CONNECTIONS = 32
_SLOTS_A_ROUND = 1_000_000
"""Half-hours set apart for each connection in each round: 57 years, and no time is claimed twice."""

SCRIPT = """\
\\set n :n + 1
\\set provider 1 + :client_id + {connections} * (:n % 2)
\\set clinic 1 + :provider % {clinics}
\\set patient 1 + (:provider + {providers} * :n) % {patients}
BEGIN;
INSERT INTO appointment (id, provider_id, patient_id, clinic_id, visit_type_id, during, claims, status, mode,
                         changed_by, request_id)
SELECT uuidv7(), lpad(to_hex(:provider::int), 32, '0')::uuid, lpad(to_hex(:patient::int), 32, '0')::uuid,
       lpad(to_hex(:clinic::int), 32, '0')::uuid, '{visit_type}', span, span, 'scheduled', 'in_person', '{by}', uuidv7()
FROM (SELECT tstzrange(start, start + interval '30 minutes') AS span
      FROM (SELECT timestamptz '2040-01-01 00:00+00' + :n::float8 * interval '30 minutes' AS start) AS s) AS t
RETURNING id, version, provider_id, clinic_id, patient_id, lower(during) AS start, upper(during) AS "end", request_id
\\gset
INSERT INTO outbox (event_id, topic, key, payload, changed_by, request_id)
VALUES (uuidv7(), 'appointments.scheduled.v1', :provider_id,
        jsonb_build_object('appointment_id', :id::text, 'version', :version::int, 'provider_id', :provider_id::text,
                           'clinic_id', :clinic_id::text, 'patient_id', :patient_id::text,
                           'start', :start::text, 'end', :end::text), '{by}', :request_id::uuid);
COMMIT;
"""


def run(book: Book, *, warm_up_s: float, seconds: float, number: int) -> tuple[list[float], float, int]:
    """Run pgbench once: the seconds that each transaction after the warm-up took, the time in which these were
    committed, and how many were committed in all. `number` of the round keeps its times apart.

    pgbench counts in whole seconds. Raises RuntimeError when a transaction fails.
    """
    with tempfile.TemporaryDirectory(prefix="frontdesk-pgbench-") as name:
        folder = Path(name)
        script = folder / "book.sql"
        script.write_text(
            SCRIPT.format(
                connections=CONNECTIONS,
                clinics=len(book.clinics),
                providers=len(book.providers),
                patients=len(book.patients),
                visit_type=book.visit_type,
                by=PGBENCH,
            )
        )
        command: list[str | Path] = [wheel_bin_dir() / "pgbench", "--no-vacuum", "--protocol=prepared", "--jobs=2"]
        command += [f"--client={CONNECTIONS}", f"--time={max(round(warm_up_s + seconds), 1)}", f"--file={script}"]
        command += [f"--define=n={number * _SLOTS_A_ROUND}", "--log", book.dsn]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        told = re.search(r"actually processed: (\d+)", ran.stdout)
        if ran.returncode != 0 or told is None:
            first = next(iter(ran.stderr.splitlines()), "it said nothing")
            raise RuntimeError(f"pgbench failed: {first}")
        took_s, elapsed_s = _after(warm_up_s, folder)
        return took_s, elapsed_s, int(told[1])


def _after(warm_up_s: float, folder: Path) -> tuple[list[float], float]:
    """From pgbench's log, a line a transaction: client, number, microseconds, script, and its end as seconds since 1970
    and microseconds.
    """
    lines = [line.split() for log in folder.glob("pgbench_log.*") for line in log.read_text().splitlines()]
    ends = [int(line[4]) + int(line[5]) / 1e6 for line in lines]
    opens = min(ends) + warm_up_s
    took_s = [int(line[2]) / 1e6 for line, end in zip(lines, ends, strict=True) if end > opens]
    return took_s, max(ends) - opens
