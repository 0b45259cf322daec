"""The second step of a log-in: between the password and the session stands a second factor (ADR-0019)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from frontdesk import db, ids
from frontdesk.auth import factors, passkeys, proofs, sessions, throttle
from frontdesk.auth.factors import q
from frontdesk.auth.permissions import Actor, Role
from frontdesk.auth.proofs import Proof, Purpose
from frontdesk.db import Connection, Pool
from frontdesk.errors import Unauthenticated
from frontdesk.secrets import Keys
from frontdesk.settings import settings


class SecondFactorRequired(Unauthenticated):
    """The password was right; `factor_token` and one of `factors` lead to a session.

    Where the role needs a second factor and the account has none, `enrolment_token` lets its owner set one up.
    """

    slug, title = "second-factor-required", "A second factor is needed"


class SecondFactorRefused(Unauthenticated):
    """The code was wrong or used before."""

    slug, title = "second-factor-refused", "This second factor is not right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What somebody proves themselves by: one of these."""

    code: str | None = None
    recovery_code: str | None = None
    credential: dict[str, Any] | None = None  # what a passkey signed, for the challenge `challenge_id`
    challenge_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try of a log-in that has been used up; `challenge` is what the passkey had to sign."""

    proof: Proof
    given: Given
    challenge: bytes | None


async def prove_both(pool: Pool, keys: Keys, actor: Actor, email: str, password: str, code: str) -> sessions.Proven:
    """Check password and second factor at once, at a door of the caller's own address: strangers who guess at
    passwords close theirs, and not this one.

    It tells nothing about the password alone: whoever's second factor is wrong, or who has none, hears the same as
    for a wrong password, after the same work, and is counted alike. Raises Unauthenticated, TooManyAttempts.
    """

    async def second(conn: Connection, user_id: UUID | None) -> bool:
        subject = keys.digest("second factor failures", str(user_id) if user_id else f"nobody {email}")
        holder = user_id or ids.ANONYMOUS
        stamp = {"changed_by": holder, "request_id": actor.request_id}
        try:
            await throttle.admit(conn, subject)
            if (digits := "".join(code.split())).isdecimal():  # apps show them in two groups
                right = await factors.spend_code(conn, keys, holder, stamp, digits)
            else:
                right = await factors.spend_recovery_code(conn, holder, stamp, code)
            await (throttle.forgive if right else throttle.count)(conn, subject)
        except throttle.TooManyAttempts:  # to say so would tell that the password was right
            return False
        return right

    return await sessions.prove(pool, keys, email, password, f"second factor {actor.address}", second)


async def demand(conn: Connection, keys: Keys, proven: sessions.Proven) -> None:
    """Raise SecondFactorRequired unless what was proven is enough for this account."""
    if proven.second:
        return
    account = await db.one(conn, q.factors_of, user_id=proven.user_id)
    assert account is not None
    factors_there = _factors(account)
    expires_in = int(proofs.LIFETIME.total_seconds())

    def token(purpose: Purpose) -> str:
        return proofs.write(purpose, proven.user_id, Role(account["role"]), proven.password_hash, keys)

    if factors_there:
        raise SecondFactorRequired(
            "Send the factor_token with a code to /auth/token/second-factor.",
            factor_token=token(Purpose.SECOND_FACTOR),
            factors=factors_there,
            expires_in=expires_in,
        )
    if settings().needs_second_factor(account["role"]):
        raise SecondFactorRequired(
            "Set up a second factor with the enrolment_token, then log in again.",
            enrolment_token=token(Purpose.ENROLMENT),
            factors=[],
            expires_in=expires_in,
        )


def _factors(account: dict[str, Any]) -> list[str]:
    """What the account can prove itself by; recovery codes stand in for a factor, and are none by themselves."""
    known = (("totp", account["totp_since"]), ("passkey", account["passkeys"]))
    there = [name for name, has in known if has]
    return [*there, "recovery_code"] if there and account["recovery_codes"] else there


async def begin(pool: Pool, keys: Keys, factor_token: str, given: Given) -> Attempt:
    """Use up one try of this log-in, whatever comes of it. Raises Unauthenticated, TooManyAttempts."""
    proof = proofs.read(Purpose.SECOND_FACTOR, factor_token, keys)
    async with db.borrow(pool) as conn:
        if given.code is not None:
            await throttle.admit(conn, factors.guess_subject(keys, proof.user_id))
        if not await db.run(conn, q.try_step, token_id=proof.token_id, expires_at=proof.expires_at):
            raise Unauthenticated("This token has been used; log in again.")
        challenge = await passkeys.take_challenge(conn, proof.user_id, passkeys.LOG_IN, given.challenge_id)
    return Attempt(proof, given, challenge)


async def count_refusal(pool: Pool, keys: Keys, attempt: Attempt) -> None:
    """Count a wrong code against the account. To be run when the transaction that found it wrong is over."""
    if attempt.given.code is None:
        return
    async with db.borrow(pool) as conn:
        await throttle.count(conn, factors.guess_subject(keys, attempt.proof.user_id))


async def finish(conn: Connection, keys: Keys, actor: Actor, attempt: Attempt) -> tuple[str, sessions.Proven]:
    """The account's e-mail address, and what is now proven of it: enough for a session.

    Raises SecondFactorRefused, and Unauthenticated when the account changed meanwhile or rivals were faster.
    """
    proof = attempt.proof
    account = await db.one(conn, q.factors_of, user_id=proof.user_id)
    if account is None or not account["active"] or not proof.holds(account["password_hash"], keys):
        raise Unauthenticated("The account has changed; log in again.")
    stamp = {"changed_by": proof.user_id, "request_id": actor.request_id}
    if not await _right(conn, keys, attempt, stamp):
        raise SecondFactorRefused("Try the next code, or a recovery code.")
    if not await db.run(conn, q.finish_step, token_id=proof.token_id):
        raise Unauthenticated("This token has been used; log in again.")
    return account["email"], sessions.Proven(proof.user_id, account["password_hash"], second=True)


async def _right(conn: Connection, keys: Keys, attempt: Attempt, stamp: dict[str, UUID]) -> bool:
    """Whether the second factor is the account's. It is used up."""
    user_id, given = attempt.proof.user_id, attempt.given
    if given.credential is not None:
        return await passkeys.spend_assertion(conn, user_id, stamp, given.credential, attempt.challenge)
    if given.recovery_code is not None:
        return await factors.spend_recovery_code(conn, user_id, stamp, given.recovery_code)
    right = await factors.spend_code(conn, keys, user_id, stamp, given.code or "")
    if right:
        await throttle.forgive(conn, factors.guess_subject(keys, user_id))
    return right


async def passkey_options(conn: Connection, keys: Keys, factor_token: str) -> dict[str, Any]:
    """What a passkey is to sign for this log-in. Raises Unauthenticated."""
    proof = proofs.read(Purpose.SECOND_FACTOR, factor_token, keys)
    return await passkeys.log_in_options(conn, proof.user_id)


async def question(conn: Connection, keys: Keys, factor_token: str) -> tuple[list[str], dict[str, Any] | None]:
    """The factors by which this log-in goes on; what a passkey is to sign, if there is one. Raises Unauthenticated."""
    proof = proofs.read(Purpose.SECOND_FACTOR, factor_token, keys)
    account = await db.one(conn, q.factors_of, user_id=proof.user_id)
    there = _factors(account) if account else []
    if not there:
        raise Unauthenticated("The account has changed; log in again.")
    return there, await passkeys.log_in_options(conn, proof.user_id) if "passkey" in there else None


async def purge(conn: Connection) -> int:
    """Forget log-ins whose token has expired, and challenges. A job of the background worker; idempotent."""
    return await db.run(conn, q.purge_steps) + await passkeys.purge(conn)
