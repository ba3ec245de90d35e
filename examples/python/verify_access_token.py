"""Verifies Perennial's access tokens in Python, from its key set alone: no call per request.

    pip install "pyjwt[crypto]"     # 2.6 or later; on Debian or Ubuntu: apt-get install -y python3-jwt python3-cryptography

A session that was ended in the meantime is not seen here: its last access token stays good for an hour at most. Where that
is too long, ask the service: GET /v1/auth/me answers 401 AUTH_TOKEN_REVOKED at once.
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
    """The key set is away and nothing kept will do. That says nothing about the token: answer 503, not 401."""


class KeySet:
    """The keys by their ids. New ones are published a day before they sign, so what was read is good for a while."""

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
            # Not for each made-up id: forged tokens would ask the service as often as they like.
            if wanted and (not self._keys or now - self._asked_at >= self._ask_again_seconds):
                self._read(now)
            if key_id in self._keys:
                return self._keys[key_id]
            if self._read_at < self._asked_at:
                raise KeysUnavailable("the key set cannot be read")
            raise jwt.InvalidTokenError("no key of ours has signed this")

    def _read(self, now):
        self._asked_at = now
        try:
            with urllib.request.urlopen(self._url, timeout=5) as response:
                keys = jwt.PyJWKSet.from_dict(json.load(response)).keys
        except (OSError, ValueError, jwt.PyJWTError):
            # What was read before goes on; it is looked at again when there was time to come back.
            return
        self._keys = {key.key_id: key.key for key in keys}
        self._read_at = now


KEY_SET = KeySet(f"{SERVICE}/.well-known/jwks.json")


def verify(access_token: str) -> dict:
    """The claims: sub, email, roles, customFields, sid, exp ...

    Raises jwt.ExpiredSignatureError or another jwt.PyJWTError for every other token, and KeysUnavailable.
    """
    header = jwt.get_unverified_header(access_token)
    if header.get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("this is no access token (RFC 9068)")
    claims = jwt.decode(
        access_token,
        KEY_SET.key(header.get("kid")),
        algorithms=["ES256"],
        issuer=ISSUER,
        audience=APP_ID,
        options={"require": ["exp", "iat", "sub", "sid"], "verify_iat": False},
    )
    # By hand: PyJWT would refuse a token of this very second where the clocks differ a little, or expire it too late.
    if claims["iat"] > time.time() + 5:
        raise jwt.ImmatureSignatureError("the token is from the future")
    return claims
