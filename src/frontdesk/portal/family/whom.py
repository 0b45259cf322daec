"""Whom a form was shown for: a tab stays as it was when another one begins to act for somebody else."""

from collections.abc import Mapping
from typing import Any

from frontdesk.auth.permissions import Actor
from frontdesk.errors import Conflict


class OtherPerson(Conflict):
    """The page was shown for one person, and this browser acts for another by now. Nothing was changed."""

    slug, title = "acting-for-another", "You act for somebody else by now"


def check(actor: Actor, sent: Mapping[str, Any]) -> None:
    """Raise OtherPerson when the form says that it was shown for somebody else than the caller acts for."""
    if other(actor, sent):
        raise OtherPerson("Look whom it is for, and send it again.")


def other(actor: Actor, sent: Mapping[str, Any]) -> bool:
    """Whether it does. A form that does not say is a program's."""
    return sent.get("whom") not in (None, "", str(actor.patient_id))
