"""Values that are stored encrypted: national identifiers and insurance numbers.

AES-256-GCM with the place of the value as associated data, so that a value copied to another row or column opens no
more (NIST SP 800-38D). In the column stands `enc:<key>:<base64 of nonce, ciphertext and tag>`; what does not begin so
is a value from before encryption.
"""

import base64
import hashlib
import hmac
import os
from functools import cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from frontdesk.secrets import Keys, keys
from frontdesk.settings import settings, split_list

_MARK = "enc:"
_NONCE_BYTES = 12


class Fields:
    """Encrypts with the newest key, decrypts with whichever was used."""

    def __init__(self, own: list[str], of_installation: Keys) -> None:
        derived = [hmac.digest(key.encode(), b"fields", hashlib.sha256) for key in own]
        material = [*derived, of_installation.fields]
        self._ciphers = {hashlib.sha256(key).hexdigest()[:8]: AESGCM(key) for key in material}
        self._newest = next(iter(self._ciphers))
        self._index = of_installation.field_index

    def sealed(self, value: str | None, place: str) -> str | None:
        """The value as it is stored at `place`, such as `patient.national_id:<id>`."""
        if value is None:
            return None
        nonce = os.urandom(_NONCE_BYTES)
        whole = nonce + self._ciphers[self._newest].encrypt(nonce, value.encode(), place.encode())
        return f"{_MARK}{self._newest}:{base64.b64encode(whole).decode()}"

    def opened(self, stored: str | None, place: str) -> str | None:
        """The value that is stored at `place`.

        Raises KeyError when its key is not among the settings, cryptography.exceptions.InvalidTag when it was altered
        or belongs to another place.
        """
        if stored is None or not stored.startswith(_MARK):
            return stored
        key, _, encoded = stored.removeprefix(_MARK).partition(":")
        whole = base64.b64decode(encoded)
        return self._ciphers[key].decrypt(whole[:_NONCE_BYTES], whole[_NONCE_BYTES:], place.encode()).decode()

    @property
    def newest_like(self) -> str:
        """A LIKE pattern of what is encrypted with the newest key."""
        return f"{_MARK}{self._newest}:%"

    def index(self, value: str | None) -> bytes | None:
        """What equal values have in common, case and spaces apart: found by, never turned back into the value."""
        if value is None:
            return None
        return hmac.digest(self._index, "".join(value.split()).casefold().encode(), hashlib.sha256)


@cache
def fields() -> Fields:
    """The fields' keys of this process."""
    listed = settings().field_keys
    return Fields(split_list(listed.get_secret_value() if listed else None), keys())
