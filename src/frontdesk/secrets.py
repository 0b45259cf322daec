"""The one secret of an installation, and the keys derived from it, each for one purpose."""

import contextlib
import hashlib
import hmac
import os
import secrets as random
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from frontdesk.settings import Settings, settings

_NONCE_BYTES = 12  # AES-GCM, NIST SP 800-38D §8.2


def load_or_create(settings: Settings) -> str:
    """The secret of the settings, or the one kept in `data_dir/secret` (mode 600), made on first use."""
    if settings.secret is not None:
        return settings.secret.get_secret_value()
    path = Path(settings.data_dir) / "secret"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        # Written beside and linked in whole: a crash half-way must not leave an empty secret, which anyone can guess.
        scratch = path.with_name(f"secret.{os.getpid()}")
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(random.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(scratch, path)
        scratch.unlink()
    return path.read_text("ascii").strip()


class Keys:
    """Keys for different purposes, derived from one secret; knowing one tells nothing about another."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self.tokens = self._derive("access tokens")
        self.audit_heads = self._derive("audit heads")
        self._addresses = self._derive("client addresses")
        self._requests = self._derive("request digests")
        self._seal = AESGCM(self._derive("sealed answers"))
        self.fields = self._derive("encrypted columns")
        self.field_index = self._derive("index of encrypted columns")

    def _derive(self, purpose: str) -> bytes:
        """32 bytes: HMAC-SHA-256 of the purpose under the secret (one-step KDF, NIST SP 800-56C)."""
        return hmac.digest(self._secret, purpose.encode(), hashlib.sha256)

    def client(self, address: str) -> str:
        """A name for a network address that is stable here and cannot be turned back into the address."""
        return hmac.digest(self._addresses, address.encode(), hashlib.sha256).hex()[:32]

    def request_digest(self, request: bytes) -> bytes:
        """What is kept of a request to know it again. Keyed: a bare hash would betray a password in it."""
        return hmac.digest(self._requests, request, hashlib.sha256)

    def digest(self, purpose: str, *parts: str) -> bytes:
        """A name for `parts`, different for each purpose, that tells nothing of them to those without the secret."""
        framed = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        return hmac.digest(self._derive(purpose), framed, hashlib.sha256)

    def seal(self, value: bytes) -> bytes:
        """Encrypt and authenticate `value`."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._seal.encrypt(nonce, value, None)

    def unseal(self, sealed: bytes) -> bytes:
        """The value that was sealed. Raises cryptography.exceptions.InvalidTag when it is not ours."""
        return self._seal.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)


@cache
def keys() -> Keys:
    """The keys of this process, for what is no request: the background worker."""
    return Keys(load_or_create(settings()))
