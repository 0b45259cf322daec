"""Both scans. Exit status 1 for a hole or a suspect; advisories out of reach are told and do not fail."""

import sys
from pathlib import Path

from tests.scan import dependencies, secrets

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Look, tell, judge."""
    found, files = secrets.scan(ROOT)
    verdict = dependencies.scan(ROOT / "requirements.lock")
    lines = [*map(str, found), f"secret scan: {files} files, {len(found)} suspects", *verdict.lines()]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if found or verdict.holes else 0


if __name__ == "__main__":
    sys.exit(main())
