"""An export as a page that a person can read and print: headings, lists and tables, nothing to load or run."""

from datetime import datetime
from html import escape
from typing import Any

_TITLES = {
    "patient": "Who you are",
    "appointments": "Appointments",
    "waitlist": "The waitlist",
    "records": "Medical record",
    "broken_glass": "When the glass was broken",
    "notification_preferences": "How you wish to be told",
    "notifications": "Messages about appointments",
    "family": "Who acts for whom",
    "accounts": "Log-ins",
    "accesses": "Who looked at or changed your record",
    "erasures": "What was erased",
}


def page(export: dict[str, Any]) -> str:
    """The export as HTML, in the order of the export itself; instants in UTC, as `2026-03-05 14:30 UTC`."""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Patient record</title></head><body>',
        f"<h1>Patient record</h1><p>As of {_text(export['exported_at'])}.</p>",
    ]
    if export["clinical"] == "withheld":
        parts.append("<p>Clinical notes are not in this copy: the patient alone gets them.</p>")
    for name, title in _TITLES.items():
        parts.append(f"<h2>{title}</h2>{_value(export[name])}")
    return "".join([*parts, "</body></html>"])


def _value(value: Any) -> str:
    if isinstance(value, dict):
        filled = ((name, inner) for name, inner in value.items() if inner not in (None, [], {}))
        return "<dl>" + "".join(f"<dt>{_words(name)}</dt><dd>{_value(inner)}</dd>" for name, inner in filled) + "</dl>"
    if isinstance(value, list | tuple):
        return (
            "<ol>" + "".join(f"<li>{_value(inner)}</li>" for inner in value) + "</ol>" if value else "<p>Nothing.</p>"
        )
    return _text(value)


def _words(name: str) -> str:
    return escape(name.replace("_", " ").capitalize())


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(str(value))
