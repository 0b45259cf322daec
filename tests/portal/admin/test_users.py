"""Accounts by pages: made, changed, taken away; what is refused is told in the form, with what was typed."""

from uuid import UUID, uuid4

import pytest

from frontdesk.auth import browsers
from tests.html import Page
from tests.make import STAMP
from tests.portal.admin.conftest import Admin

pytestmark = pytest.mark.postgres("18")

PASSWORD = "four plain words together"


def new(**changed: object) -> dict[str, object]:
    return {"email": f"{uuid4().hex}@admin.test", "role": "staff", "password": PASSWORD, **changed}


def made(admin: Admin, **changed: object) -> str:
    """The address of a new account."""
    answer = admin.send("/admin/users", **new(**changed))
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


def shown(page: Page) -> list[str]:
    return [str(a["href"]) for a in page.all("a") if a.get("class") == "person"]


def test_the_bar_leads_there(admin: Admin) -> None:
    assert "/admin" in [a.get("href") for a in admin.page("/").all("a")]
    assert "/admin/users" in shown(admin.page("/admin"))
    assert admin.client.get("/admin").headers["cache-control"] == "no-store"


def test_an_account_of_a_desk(admin: Admin) -> None:
    here, there = admin.make.clinic(), admin.make.clinic()
    path = made(admin, clinic_ids=[here], email="Desk-Of-Two@admin.test")
    assert "It is saved." in admin.page(path + "?saved=yes").text
    assert "It is saved." not in admin.page(path).text
    assert admin.change(path, clinic_ids=[here, there], may_report="on").status_code == 303
    user = UUID(path.rsplit("/", 1)[1])
    assert {row[0] for row in admin.rows("SELECT clinic_id FROM user_clinic WHERE user_id = %s", user)} == {here, there}
    assert admin.change(path, clinic_ids=None).status_code == 303
    assert admin.rows("SELECT clinic_id FROM user_clinic WHERE user_id = %s", user) == []
    assert admin.rows("SELECT email, role, may_report, active FROM user_account WHERE id = %s", user) == [
        ("Desk-Of-Two@admin.test", "staff", True, True)
    ]
    login = {"email": "desk-of-two@admin.test", "password": PASSWORD}
    answer = admin.service.client().post(f"{admin.service.url}/login", data=login)
    assert (answer.status_code, browsers.COOKIE in answer.cookies) == (303, True)


def test_the_list_by_role_and_by_who_may_log_in(admin: Admin) -> None:
    provider = admin.make.provider(last_name=f"Quist{uuid4().hex[:6]}")
    path = made(admin, role="provider", provider_id=provider)
    assert path not in shown(admin.page("/admin/users?role=admin"))
    assert admin.change(path, active=None).status_code == 303
    page = admin.page("/admin/users?role=provider&active=false")
    seen = [path in shown(page)]
    while not seen[-1] and any(a.get("rel") == "next" for a in page.all("a")):
        page = admin.page(next(str(a["href"]) for a in page.all("a") if a.get("rel") == "next"))
        seen.append(path in shown(page))
    assert seen[-1]
    assert admin.client.get("/admin/users?role=nobody").status_code == 422


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"email": "nonsense"}, "This cannot be right."),
        ({"email": ""}, "Please fill this in."),
        ({"password": ""}, "Please fill this in."),
        ({"password": "short"}, "At least 8 characters"),
        ({"password": "password1"}, "easy to guess"),
        ({"role": "emperor"}, "This cannot be right."),
        ({"clinic_ids": ["x"]}, "This cannot be right."),
        ({"clinic_ids": [uuid4()]}, "Something that it names does not exist."),
    ],
)
def test_what_cannot_be_is_told_in_the_form(admin: Admin, fields: dict[str, object], told: str) -> None:
    sent = new(**fields)
    page = Page(admin.send("/admin/users", **sent))
    assert (page.status, told in page.text) == (422, True), page.text
    assert [i["value"] for i in page.all("input") if i.get("name") == "email"] == [sent["email"]]
    assert not any(i.get("value") for i in page.all("input") if i.get("type") == "password")


@pytest.mark.parametrize("role", ["patient", "provider"])
def test_whose_account_it_is_is_asked_for_at_its_field(admin: Admin, role: str) -> None:
    page = Page(admin.send("/admin/users", **new(role=role)))
    assert (page.status, "Please fill this in." in page.text) == (422, True)
    marked = [one["name"] for tag in ("input", "select") for one in page.all(tag) if "aria-invalid" in one]
    assert marked == [f"{role}_id"]
    assert "These do not go together." not in page.text


def test_an_address_that_has_an_account(admin: Admin) -> None:
    email = f"{uuid4().hex}@admin.test"
    made(admin, email=email)
    page = Page(admin.send("/admin/users", **new(email=email.upper())))
    assert (page.status, "Another account has this e-mail address." in page.text) == (409, True)
    other = made(admin)
    page = Page(admin.change(other, email=email))
    assert (page.status, "Another account has this e-mail address." in page.text) == (409, True)


def test_the_last_admin_stays(admin: Admin) -> None:
    admin.rows("UPDATE user_account SET active = false WHERE role = 'admin' AND id <> %s RETURNING id", admin.user)
    path = f"/admin/users/{admin.user}"
    for changed in ({"active": None}, {"role": "staff"}):
        page = Page(admin.change(path, **changed))
        assert (page.status, "the last active admin" in page.text) == (409, True)
    made(admin, role="admin")
    assert admin.change(path, active=None).status_code == 303
    assert admin.client.get("/admin/users").headers["location"] == "/login?next=%2Fadmin%2Fusers"


def test_what_somebody_else_changed_is_not_overwritten(admin: Admin) -> None:
    path = made(admin)
    assert admin.change(path, may_report="on").status_code == 303
    page = Page(admin.change(path, version="1", role="admin"))
    assert (page.status, "Somebody else changed this" in page.text) == (412, True)
    assert admin.rows("SELECT role FROM user_account WHERE id = %s", path.rsplit("/", 1)[1]) == [("staff",)]


def test_second_factors_are_taken_away(admin: Admin) -> None:
    user = UUID(made(admin).rsplit("/", 1)[1])
    code = "INSERT INTO recovery_code (user_id, code_hash, changed_by, request_id) VALUES (%s, 'x', %s, %s)"
    admin.make.conn.execute(code, (user, *STAMP.values()))
    assert admin.send(f"/admin/users/{user}/factors").status_code == 303
    assert admin.rows("SELECT FROM recovery_code WHERE user_id = %s", user) == []
    assert admin.send(f"/admin/users/{uuid4()}/factors").status_code == 404


@pytest.mark.parametrize("path", ["/admin", "/admin/users", "/admin/users/new"])
def test_for_admins_alone(admin: Admin, path: str) -> None:
    admin.client.cookies.clear()
    assert admin.client.get(path).status_code == 303
    token = admin.make.token("staff")
    answer = admin.service.client(token).get(admin.service.url + path)
    assert answer.status_code == 403


def test_nobody_of_that_number(admin: Admin) -> None:
    assert admin.page(f"/admin/users/{uuid4()}").status == 404
    assert admin.send(f"/admin/users/{uuid4()}", **new()).status_code == 404
