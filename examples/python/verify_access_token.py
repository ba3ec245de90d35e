"""Verifies Perennial's access tokens in Python with its key set (JWKS): no call per request.

    pip install "pyjwt[crypto]"     # 2.6 or later; on Debian or Ubuntu: apt-get install -y python3-jwt python3-cryptography

It does not see that a session was revoked: the last access token of that session stays valid here for an hour at most.
If that is too long, ask the service: GET /v1/auth/me answers 401 AUTH_TOKEN_REVOKED at once.
"""

import json
import os
import threading
import time
import urllib.request

import jwt

SERVICE = os.environ.get("PERENNIAL_URL", "http://127.0.0.1:8787")
ISSUER = os.environ.get("PERENNIAL_ISSUER", "perennial")
APP_ID = os.environ.get("MEMBERSTACK_APP_ID", "app_emulator")


class KeysUnavailable(Exception):
    """The key set cannot be read and the kept keys do not suffice. The token may be valid: answer 503, not 401."""


class KeySet:
    """Keeps the keys by id. A new key is published a day before it signs, so keys may be kept for some minutes."""

    def __init__(self, url, keep_seconds=300, ask_again_seconds=30):
        self._url = url
        self._keep_seconds = keep_seconds
        self._ask_again_seconds = ask_again_seconds
        self._keys = {}
        self._asked_at = self._read_at = float("-inf")
        self._lock = threading.Lock()

    def key(self, key_id):
        with self._lock:
            now = time.monotonic()
            wanted = key_id not in self._keys or now - self._read_at >= self._keep_seconds
            # At most one read in this time, or forged key ids would cause a request to the service each.
            if wanted and (not self._keys or now - self._asked_at >= self._ask_again_seconds):
                self._read(now)
            if key_id in self._keys:
                return self._keys[key_id]
            if self._read_at < self._asked_at:
                raise KeysUnavailable("the key set cannot be read")
            raise jwt.InvalidTokenError("the key id is not in the key set")

    def _read(self, now):
        self._asked_at = now
        try:
            with urllib.request.urlopen(self._url, timeout=5) as response:
                keys = jwt.PyJWKSet.from_dict(json.load(response)).keys
        except (OSError, ValueError, jwt.PyJWTError):
            # The kept keys stay in use; the next read comes after ask_again_seconds.
            return
        self._keys = {key.key_id: key.key for key in keys}
        self._read_at = now


KEY_SET = KeySet(f"{SERVICE}/.well-known/jwks.json")


def verify(access_token: str) -> dict:
    """Returns the claims: sub, email, roles, customFields, sid, exp ...

    Raises jwt.ExpiredSignatureError for an expired token, another jwt.PyJWTError for an invalid one, and KeysUnavailable.
    """
    header = jwt.get_unverified_header(access_token)
    if header.get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("the token is not an access token (RFC 9068)")
    claims = jwt.decode(
        access_token,
        KEY_SET.key(header.get("kid")),
        algorithms=["ES256"],
        issuer=ISSUER,
        audience=APP_ID,
        options={"require": ["exp", "iat", "sub", "sid"], "verify_iat": False},
    )
    # PyJWT has one leeway for iat and exp. Here iat may be 5 s ahead, because clocks differ; exp has no tolerance.
    if claims["iat"] > time.time() + 5:
        raise jwt.ImmatureSignatureError("iat is in the future")
    return claims
