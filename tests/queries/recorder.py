"""Counts the statements of a request from outside: PostgreSQL writes each into its log before it runs it."""

import re
from collections.abc import Callable

import httpx

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests import canaries

OPTIONS = {"log_statement": "all", "log_line_prefix": "%a|", "fsync": "off"}
"""What the server under observation is started with."""

NOT_OF_THE_REQUEST = {"SELECT enter(NULL, NULL)", "NOTIFY frontdesk_outbox"}

_OURS = re.compile(r"^frontdesk\|LOG: +(?:statement|execute [^:]+): (.*)$")


class Recorder:
    """What the service says to the server while one request runs; one at a time, or they would be counted together.

    Statements of the tests themselves, and those inside functions and triggers, do not count; nor does leaving the user
    of an earlier request, which depends on which connection of the pool is at hand; nor the bell, which rings for all
    requests of a moment.
    """

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._log = postgres.log_path
        canaries.exempt(self._log)

    def during(self, request: Callable[[], httpx.Response]) -> tuple[httpx.Response, list[str]]:
        """The answer, and the first line of each statement it took, BEGIN and COMMIT included."""
        begin = self._log.stat().st_size
        response = request()
        said = self._log.read_bytes()[begin:].decode(errors="replace")
        lines = (match[1] for line in said.splitlines() if (match := _OURS.match(line)))
        return response, [line for line in lines if line not in NOT_OF_THE_REQUEST]
