"""The background worker beside a service, with mail; and the links in what it sends."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

from tests.forked import Forked
from tests.notifications.sink import Sink
from tests.service import Service

PATIENCE_S = 60


@contextmanager
def working(service: Service, sink: Sink, folder: Path) -> Iterator[None]:
    """The background worker beside the service, with mail."""
    env = service.environment | {
        "FRONTDESK_SMTP_URL": sink.url,
        "FRONTDESK_MAIL_FROM": "desk@clinic.test",
        "FRONTDESK_WORKER_INTERVAL": "PT0.1S",
    }
    with (folder / "worker.log").open("wb") as log:
        process = Forked("worker", env=env, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def link_in(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    found = re.search(r"http://localhost:\d+(/m/\S{44})\s", body.get_content())
    assert found
    return found[1]
