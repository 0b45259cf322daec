"""The pages of one's own account and record: they name nobody, so nobody sees another's."""

from tests.access.callers import Thing
from tests.access.recipes import Call, Make, Recipe, account_of
from tests.access.recipes_of_log_ins import LOG_INS

AUTH = "/api/v1/auth"


def _form(**fields: str) -> Make:
    """Of a version that is not there: what the patient has to hide stays."""
    return lambda world, caller: Call(form={"version": "9999999", **fields})


ME: dict[str, Recipe] = {
    "GET /me": Recipe(about=Thing.ACCOUNT),
    "POST /me/sessions/{session_id}/end": Recipe(LOG_INS[f"DELETE {AUTH}/sessions/{{session_id}}"].make, Thing.ACCOUNT),
    "POST /me/logout-everywhere": Recipe(
        lambda world, caller: Call(form={}, account=account_of(world, caller)), Thing.ACCOUNT
    ),
    "GET /me/details": Recipe(),
    "POST /me/details": Recipe(_form(phone="+49 30 5550123987")),
    "GET /me/messages": Recipe(),
    "POST /me/messages": Recipe(_form(channels="email")),
    "GET /me/accesses": Recipe(),
    "GET /me/export": Recipe(),
}
