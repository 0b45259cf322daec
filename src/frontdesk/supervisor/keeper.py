"""Keeps parts alive: what dies is started again, at once at first, then ever more slowly."""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog

from frontdesk.supervisor import process
from frontdesk.supervisor.process import StartError

PAUSES_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Before the first, second, … restart in a row: a part that cannot live must not eat the machine."""

STEADY_S = 30.0  # a part that lived this long starts again at the first pause

log = structlog.get_logger(__name__)


class Part(Protocol):
    """Something that runs beside us. A second `start` starts it anew after it has died; raises StartError."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def died(self) -> bool: ...


class Program:
    """A child process that needs no more than to be started."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], *, patience_s: float) -> None:
        self._command = command
        self._env = env
        self._patience_s = patience_s
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns at once."""
        try:
            self._process = process.spawn(self._command, env=self._env)
        except OSError as error:
            raise StartError(f"cannot start a process: {error.strerror}") from None

    def stop(self) -> None:
        """SIGTERM, then SIGKILL when patience ends."""
        if self._process is not None:
            process.stop(self._process, signal.SIGTERM, patience_s=self._patience_s)
            self._process = None

    def died(self) -> bool:
        """Whether it was started and has ended without `stop`."""
        return self._process is not None and self._process.poll() is not None


class Keeper:
    """Starts parts in order, restarts what dies, stops them in the opposite order."""

    def __init__(self) -> None:
        self._parts: dict[str, Part] = {}
        self._restarts: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        self._started: dict[str, float] = {}

    def start(self, name: str, part: Part) -> None:
        """Start `part` and look after it from now on. Raises StartError."""
        self._parts[name] = part
        self._restarts[name] = 0
        part.start()
        self._started[name] = time.monotonic()

    def dead(self) -> list[str]:
        """Names of the parts that have ended by themselves."""
        return [name for name, part in self._parts.items() if part.died()]

    def tend(self) -> None:
        """Restart what has died and whose pause is over. Never raises StartError: that is logged and tried again."""
        for name in self.dead():
            now = time.monotonic()
            if name not in self._not_before:
                if now - self._started[name] > STEADY_S:
                    self._restarts[name] = 0
                pause = PAUSES_S[min(self._restarts[name], len(PAUSES_S) - 1)]
                self._not_before[name] = now + pause
                log.warning("part_died", part=name, restart_in_s=pause)
            if now < self._not_before[name]:
                continue
            del self._not_before[name]
            self._restarts[name] += 1
            try:
                self._parts[name].start()
            except StartError as error:
                log.error("part_not_restarted", part=name, reason=str(error))
            else:
                log.info("part_restarted", part=name)
            self._started[name] = time.monotonic()

    def stop(self) -> None:
        """Stop every part, last started first."""
        for name in reversed(self._parts):
            self._parts[name].stop()
        self._parts.clear()
