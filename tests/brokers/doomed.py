"""A consumer that dies with -9 while a certain event is in its hands: `python -m tests.brokers.doomed WORD FILE`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from frontdesk.envelope import Envelope
from frontdesk.events.parts import broker_of
from frontdesk.settings import load_settings
from tests.brokers.room import GROUPS


async def main(last: str, file: Path) -> None:
    async def receive(envelope: Envelope) -> None:
        word = envelope.payload["word"]
        if word == last:
            os.kill(os.getpid(), signal.SIGKILL)
        with file.open("a") as heard:
            heard.write(f"{word}\n")

    await broker_of(load_settings(), GROUPS).consume(GROUPS[0], receive, asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
