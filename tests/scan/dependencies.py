"""Known vulnerabilities of the packages in a lock file, as pip-audit finds them in the advisories of PyPI."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE_S = 60


@dataclass
class Verdict:
    """What the advisories say. `unknown`: packages about which nothing could be asked, or `reason` for all of them."""

    holes: list[str] = field(default_factory=list)
    asked: int = 0
    unknown: list[str] = field(default_factory=list)
    reason: str = ""

    def lines(self) -> list[str]:
        """For the terminal."""
        told = [f"dependency scan: {hole}" for hole in self.holes]
        if self.reason or not self.asked:
            reason = self.reason or "its advisory database knows none of our packages, so it was not really asked"
            return [*told, f"dependency scan: NOT DONE, pip-audit gave no verdict: {reason}"]
        if self.unknown:
            told.append(f"dependency scan: no verdict about {', '.join(self.unknown)}")
        return [*told, f"dependency scan: {self.asked} packages looked up, {len(self.holes)} known vulnerabilities"]


def scan(lock: Path) -> Verdict:
    """Ask about every package of `lock`. Nothing is installed or resolved; without an answer the verdict says why."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "5"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        return Verdict(reason=f"no answer within {PATIENCE_S} s")
    try:
        return read(json.loads(ended.stdout))
    except (ValueError, KeyError, TypeError):
        said = [line for line in ended.stderr.splitlines() if line.strip()]
        return Verdict(reason=said[-1][:200] if said else f"it ended with status {ended.returncode}")


def read(report: dict[str, Any]) -> Verdict:
    """A verdict from pip-audit's JSON. Raises KeyError when it is something else."""
    verdict = Verdict()
    for package in report["dependencies"]:
        if "skip_reason" in package:
            verdict.unknown.append(package["name"])
            continue
        verdict.asked += 1
        for hole in package["vulns"]:
            mended = ", ".join(hole["fix_versions"]) or "no version yet"
            verdict.holes.append(f"{package['name']} {package['version']}: {hole['id']}, mended in {mended}")
    return verdict
