"""`make bench`: measures, proves that the book is true, prints, and writes JSON. docs/benchmarks.md tells what."""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from frontdesk import __version__, clock
from tests.bench import figures
from tests.bench.figures import NAMES, Round
from tests.bench.rig import CONNECTIONS, WORKERS, Rig


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure as `arguments` say (the command line's when left out); returns what was written as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="measured time of each figure in each round")
    parser.add_argument("--rounds", type=int, default=3, help="how often all of it is measured, in turn")
    parser.add_argument("--json", type=Path, default=Path(".data/bench.json"), help="where the figures go")
    parser.add_argument("--folder", type=Path, default=Path(".data"), help="on the disk that is to be measured")
    options = parser.parse_args(arguments)
    options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder,
        Rig(Path(folder), options.seconds) as rig,
    ):
        rounds = _rounds(rig, options.rounds)
        rig.prove()
    result = {
        "at": clock.now().isoformat(),
        "frontdesk": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "workers": WORKERS,
        "connections": CONNECTIONS,
        "seconds": options.seconds,
        **figures.summary(rounds),
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=1) + "\n")
    sys.stdout.write(f"{figures.table(rounds)}\nWritten to {options.json}\n")
    return result


def _rounds(rig: Rig, count: int) -> list[Round]:
    """Everything in turn, `count` times: what disturbs the machine for a while disturbs both sides of a ratio."""
    rounds: list[Round] = []
    for number in range(count):
        rounds.append({})
        for letter in rig.letters:
            sys.stderr.write(f"round {number + 1} of {count}: {letter}, {NAMES[letter]}\n")
            rounds[-1][letter] = rig.measure(letter, number)
    return rounds


if __name__ == "__main__":
    main()
