"""CPU seconds by process group, from /proc; nothing where there is none."""

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def spent(groups: Mapping[str, int | None]) -> Iterator[dict[str, float]]:
    """Fills a dict, when it ends, with the CPU seconds of each group: a process (its id) and all below it.

    Children of this process that ended meanwhile count as `load`; `others` is what is left of the machine's work.
    """
    used: dict[str, float] = {}
    before, children, machine = _trees(groups), _ended_children(), _machine()
    yield used
    after = _trees(groups)
    if after:
        used |= {name: round(after[name] - before[name], 3) for name in after}
        used["load"] = round(used.get("load", 0.0) + _ended_children() - children, 3)
        used["others"] = round(max(_machine() - machine - sum(used.values()), 0), 3)


def _trees(groups: Mapping[str, int | None]) -> dict[str, float]:
    """CPU seconds of each group so far. A child that has been waited for still counts, in its parent."""
    if not (_PROC / "self/stat").exists():
        return {}
    below: dict[int, list[int]] = defaultdict(list)
    seconds: dict[int, float] = {}
    for entry in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            below[int(fields[1])].append(int(entry.name))
            seconds[int(entry.name)] = sum(map(int, fields[11:15])) / _TICKS

    def tree(pid: int) -> float:
        return seconds.get(pid, 0.0) + sum(map(tree, below[pid]))

    return {name: tree(pid) for name, pid in groups.items() if pid is not None}


def _ended_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _machine() -> float:
    """CPU seconds that the whole machine has worked: user, nice, system, irq and softirq."""
    with contextlib.suppress(OSError):
        fields = [int(field) for field in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:8]]
        return (sum(fields) - fields[3] - fields[4]) / _TICKS
    return 0.0
