"""Passwords: argon2id, computed beside the event loop.

Parameters are the OWASP minimum (Password Storage Cheat Sheet: m = 19 MiB, t = 2, p = 1), not the RFC 9106 low-memory
profile (64 MiB, t = 3, p = 4): 35 ms of one core against 155 ms here, and the front doors of 200 clinics open at once.
"""

import asyncio
import base64
import os
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from frontdesk.auth.policy import normalized

_MEMORY_KIB, _PASSES, _LANES, _SALT_BYTES, _DIGEST_BYTES = 19_456, 2, 1, 16, 32

_hasher = PasswordHasher(
    time_cost=_PASSES,
    memory_cost=_MEMORY_KIB,
    parallelism=_LANES,
    hash_len=_DIGEST_BYTES,
    salt_len=_SALT_BYTES,
    type=Type.ID,
)

# Two at a time in each server process bound memory (38 MiB) and leave the event loop its core; argon2 drops the GIL.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")


def hash_password(password: str) -> str:
    """The PHC string of `password`. Takes about 35 ms of CPU; inside the service use `hashed`."""
    return _hasher.hash(normalized(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether `password` made `password_hash`. None (no such account) costs the same work and is False."""
    try:
        return _hasher.verify(password_hash or _NOBODY, normalized(password)) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


async def hashed(password: str) -> str:
    """`hash_password` on a thread of its own pool. Hold no database connection meanwhile."""
    return await asyncio.get_running_loop().run_in_executor(_threads, hash_password, password)


async def verified(password_hash: str | None, password: str) -> bool:
    """`verify_password` on a thread of its own pool. Hold no database connection meanwhile."""
    return await asyncio.get_running_loop().run_in_executor(_threads, verify_password, password_hash, password)


def _made_by_nobody() -> str:
    """A well-formed hash that no password has, its digest being random. Made without hashing: imports stay fast."""
    salt, digest = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (_SALT_BYTES, _DIGEST_BYTES))
    return f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}${salt}${digest}"


_NOBODY = _made_by_nobody()
