"""`make lighthouse`: what Lighthouse thinks of the way to a booking, on a telephone (its mobile profile).

It asks a service that runs, such as that of `make run`, with Debian's Chromium. The reports lie in .cache/lighthouse.
Ends with 1 when a figure is below 95.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.debian import chromium
from tests.html import Page

HERE = Path(__file__).parent
REPORTS = HERE.parents[1] / ".cache" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices")
LEAST = 95


def way(client: httpx.Client) -> Iterator[tuple[str, str]]:
    """The pages between the first and the booking, by name; a time is kept on the way, with the cookies of `client`."""
    found = Page(client.get("/find"))
    # A name in the list leads to its provider.
    provider = next(str(a["href"]) for a in found.all("a") if str(a.get("href")).startswith("/providers/"))
    yield "home", "/"
    yield "find", "/find"
    yield "provider", provider
    yield "login", "/login"
    yield "register", "/register"
    kept = hold(client, provider)
    yield "held", kept
    yield "guest", f"{kept}/guest"


def hold(client: httpx.Client, provider: str) -> str:
    """Keep the first time of the provider that can be had; the page of what is kept."""
    page = Page(client.get(provider))
    path = next(str(f["action"]) for f in page.all("form") if str(f.get("action")).endswith("/hold"))
    fields = {str(i["name"]): str(i["value"]) for i in page.all("input") if i.get("name") in ("visit", "clinic")}
    for button in page.all("button"):
        if button.get("name") == "start":
            answer = client.post(path, data={**fields, "start": str(button["value"])})
            if answer.headers.get("location", "").startswith("/book/"):
                return str(answer.headers["location"])
    raise SystemExit("no time of this provider can be kept")


def judged(name: str, url: str, client: httpx.Client, browser: Path) -> dict[str, float]:
    """The figures of one page, out of 100."""
    report = REPORTS / f"{name}.json"
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)
    command = [
        "node",
        str(HERE / "node_modules" / "lighthouse" / "cli" / "index.js"),
        url,
        "--quiet",
        "--output=json",
        f"--output-path={report}",
        f"--only-categories={','.join(CATEGORIES)}",
        "--chrome-flags=--headless=new" + (" --no-sandbox" if os.geteuid() == 0 else ""),
        *([f"--extra-headers={json.dumps({'Cookie': cookies})}"] if cookies else []),
    ]
    env = {**os.environ, "CHROME_PATH": str(browser)}
    if subprocess.run(command, check=False, env=env).returncode:  # it, not the page: "the page stopped responding"
        subprocess.run(command, check=True, env=env)
    told = json.loads(report.read_text("utf-8"))["categories"]
    return {category: round(100 * told[category]["score"]) for category in CATEGORIES}


def say(name: str, *columns: str) -> None:
    """One line of the table, at once."""
    sys.stdout.write(f"{name:10}" + "".join(f"{column:>16}" for column in columns) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Print a line for each page."""
    service = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
    browser = chromium()
    if isinstance(browser, str):
        raise SystemExit(browser)
    REPORTS.mkdir(parents=True, exist_ok=True)
    least = 100.0
    say("page", *CATEGORIES)
    with httpx.Client(base_url=service, headers={"Accept": "text/html"}, timeout=30) as client:
        for name, path in way(client):
            figures = judged(name, service + path, client, browser)
            least = min(least, *figures.values())
            say(name, *(str(figures[category]) for category in CATEGORIES))
    return int(least < LEAST)


if __name__ == "__main__":
    sys.exit(main())
