"""`frontdesk permissions` prints the matrix that the service keeps and the documents show."""

import subprocess
import sys

from frontdesk.auth.permissions import PERMISSIONS, Role
from tests.docs.pages import DOCS, rows


def test_the_command_prints_the_documented_matrix() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "frontdesk", "permissions"], check=True, capture_output=True, text=True
    ).stdout
    heading, *lines = [line.split() for line in printed.splitlines()]
    assert heading == ["permission", *(role.value for role in Role)]
    assert [line[0] for line in lines] == list(PERMISSIONS)
    documented = rows(DOCS / "permissions.md", heading="permission")
    assert [[cell.strip("`").replace("–", "-") for cell in cells] for cells in documented] == lines
