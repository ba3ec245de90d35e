"""Verifies Perennial's access tokens in Python, from its key set alone: no call per request.

    pip install "pyjwt[crypto]"

A session that was ended in the meantime is not seen here: its last access token stays good for an hour at most. Where that
is too long, ask the service: GET /v1/auth/me answers 401 AUTH_TOKEN_REVOKED at once.
"""

import os
import sys

import jwt

SERVICE = os.environ.get("PERENNIAL_URL", "http://127.0.0.1:8787")
ISSUER = os.environ.get("PERENNIAL_ISSUER", "perennial")
APP_ID = os.environ.get("MEMBERSTACK_APP_ID", "app_emulator")

# Keeps the keys. New keys are published a day before they sign.
key_set = jwt.PyJWKClient(f"{SERVICE}/.well-known/jwks.json", cache_keys=True, lifespan=300)


def verify(access_token: str) -> dict:
    """The claims: sub, email, roles, customFields, sid, exp ... Raises jwt.PyJWTError for every other token."""
    if jwt.get_unverified_header(access_token).get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("this is no access token (RFC 9068)")
    return jwt.decode(
        access_token,
        key_set.get_signing_key_from_jwt(access_token).key,
        algorithms=["ES256"],
        issuer=ISSUER,
        audience=APP_ID,
        options={"require": ["exp", "iat", "sub", "sid"]},
    )


if __name__ == "__main__":
    # From standard input, so that the token stands in no list of processes and no shell history.
    try:
        claims = verify(sys.stdin.read().strip())
    except jwt.PyJWTError as error:
        sys.exit(f"refused: {error}")
    print(claims["sub"], claims.get("email"), claims.get("roles"))
