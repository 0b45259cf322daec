"""What a measurement says, and the ratios of one round."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

NAMES = {
    "a": "the booking row by pgbench",
    "b": "bookings over HTTP",
    "c": "availability reads",
    "d": "empty route of the service",
    "e": "empty route of a bare FastAPI",
    "f": "bookings without walls",
    "g": "a patient's own visits",
    "h": "own visits without walls",
    "i": "bookings beside the worker",
    "j": "the same, its broker away",
    "k": "a cancellation to its offer",
}
RATIOS = (("b", "a"), ("c", "d"), ("c", "e"), ("b", "f"), ("g", "h"), ("i", "b"), ("j", "i"))


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement. Rate and latencies are of the measured time; the rest is of all of it, warm-up included."""

    per_second: float
    p50_ms: float
    p99_ms: float
    done: int
    errors: int
    cpu_s: dict[str, float]
    statuses: dict[int, int] = field(default_factory=dict)  # over HTTP: how many answers of each status

    @property
    def cpu_us_each(self) -> dict[str, float]:
        """Microseconds of CPU for one answer, by process group."""
        return {group: round(seconds / max(self.done, 1) * 1e6, 1) for group, seconds in self.cpu_s.items()}

    @property
    def work_us(self) -> float:
        """Microseconds of CPU for one answer, of all that take part; 0 where CPU cannot be told."""
        return sum(each for group, each in self.cpu_us_each.items() if group != "others")


def of(took_s: Sequence[float], seconds: float, **others: Any) -> Figure:
    """The figure of answers that took so long each, within a measured time of `seconds`; `others` are its fields."""
    ordered = sorted(took_s) or [0.0]
    p50, p99 = (round(ordered[int(len(ordered) * share)] * 1000, 3) for share in (0.50, 0.99))
    return Figure(round(len(took_s) / seconds, 1), p50, p99, **others)


Round = dict[str, Figure]


def ratios(rounds: Sequence[Round]) -> dict[str, list[float]]:
    """Each ratio in each round: both of its sides were measured within the same minute."""
    return {
        f"{over}/{under}": [round(one[over].per_second / max(one[under].per_second, 0.1), 4) for one in rounds]
        for over, under in RATIOS
    }


def by_cpu(rounds: Sequence[Round]) -> dict[str, float]:
    """The median of each ratio as CPU sees it: how often the work of one fits into that of the other. Where all cores
    are busy both say the same; what somebody else takes of the machine disturbs this one less. Empty without /proc.
    """
    return {
        f"{over}/{under}": round(statistics.median(one[under].work_us / one[over].work_us for one in rounds), 4)
        for over, under in RATIOS
        if all(one[over].work_us for one in rounds)
    }


def summary(rounds: Sequence[Round]) -> dict[str, Any]:
    """Everything as JSON: each round whole, and the medians."""
    told, cpu = ratios(rounds), by_cpu(rounds)
    return {
        "names": NAMES,
        "ratios": {
            name: {"median": statistics.median(values), "rounds": values, "by_cpu": cpu.get(name)}
            for name, values in told.items()
        },
        "medians": {
            letter: {
                field: statistics.median(getattr(one[letter], field) for one in rounds)
                for field in ("per_second", "p50_ms", "p99_ms")
            }
            for letter in NAMES
            if letter in rounds[0]
        },
        "errors": sum(figure.errors for one in rounds for figure in one.values()),
        "rounds": [
            {letter: asdict(figure) | {"cpu_us_each": figure.cpu_us_each} for letter, figure in one.items()}
            for one in rounds
        ],
    }


def table(rounds: Sequence[Round]) -> str:
    """The medians for people: a line a measurement, then the ratios with those of every round in brackets."""
    groups = list(dict.fromkeys(group for figure in rounds[0].values() for group in figure.cpu_s))
    lines = ["", f"{'':33}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'errors':>8}" + _cells(f"{g} s" for g in groups)]
    for letter, name in NAMES.items():
        if letter not in rounds[0]:
            lines.append(f"{letter}  {name:30}  not measured: there is no Chromium")
            continue
        mine = [one[letter] for one in rounds]
        rate, p50, p99 = (
            statistics.median(getattr(f, field) for f in mine) for field in ("per_second", "p50_ms", "p99_ms")
        )
        cpu = _cells(f"{statistics.median(f.cpu_s.get(group, 0.0) for f in mine):.2f}" for group in groups)
        lines.append(f"{letter}  {name:30}{rate:>10,.1f}{p50:>9.2f}{p99:>9.2f}{sum(f.errors for f in mine):>8}{cpu}")
    lines.append("")
    cpu = by_cpu(rounds)
    for name, values in ratios(rounds).items():
        line = f"{name}  {statistics.median(values):.3f}  ({' '.join(f'{value:.3f}' for value in values)})"
        lines.append(line + (f"  by CPU {cpu[name]:.3f}" if name in cpu else ""))
    return "\n".join(lines) + "\n"


def _cells(texts: Any) -> str:
    return "".join(f"{text:>12}" for text in texts)
