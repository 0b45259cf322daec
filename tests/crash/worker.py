"""What can be killed and comes back: the background worker, and the broker."""

import random
import threading
from pathlib import Path
from typing import Protocol

from tests.brokers.carriers import Carrier
from tests.forked import Forked


class Worker:
    """`frontdesk worker` with these settings."""

    def __init__(self, environment: dict[str, str], log_path: Path) -> None:
        self._environment, self._log_path = environment, log_path
        self._process: Forked | None = None
        self.kills = 0

    def start(self) -> None:
        with self._log_path.open("ab") as log:
            self._process = Forked("worker", env=self._environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """As if the machine had gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.kills += 1

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None


class Victim(Protocol):
    kills: int

    def kill(self) -> None: ...

    def start(self) -> None: ...


class Broker:
    """A broker that can be killed and comes back."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self.kills = 0

    def kill(self) -> None:
        self._carrier.server.kill()
        self.kills += 1

    def start(self) -> None:
        self._carrier.server.start()


class Killer:
    """Kills one of these after the other while it is entered, at random moments, and starts each again.

    Each has its turn in every round; in which order is drawn.
    """

    def __init__(self, *victims: Victim, seed: int = 1, longest_s: float = 2.5) -> None:
        self._victims, self._draw, self._longest_s = victims, random.Random(seed), longest_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._fault: BaseException | None = None

    def _work(self) -> None:
        turns: list[Victim] = []
        try:
            while not self._over.wait(self._draw.uniform(0.2, self._longest_s)):
                turns = turns or self._draw.sample(self._victims, len(self._victims))
                victim = turns.pop()
                victim.kill()
                victim.start()
        except BaseException as error:
            self._fault = error

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._fault:
            raise self._fault
