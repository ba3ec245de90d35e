"""An API in Python: GET /projects, for members with the role admin. It verifies Perennial's access tokens.

    PERENNIAL_URL=http://127.0.0.1:8787 python3 server.py

It refuses with the same statuses and codes as the other examples, so that `session.fetch` in the browser handles them.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

from verify_access_token import KeysUnavailable, verify


class Refusal(Exception):
    def __init__(self, status, code, error, **headers):
        super().__init__(error)
        self.status = status
        self.body = {"error": error, "code": code, **({"retryable": True} if status == 503 else {})}
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def authenticate(headers) -> dict:
    """Returns the claims of the request's access token."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(401, "AUTH_TOKEN_MISSING", "The request holds no access token.", WWW_Authenticate='Bearer realm="perennial"')
    invalid = {"WWW_Authenticate": 'Bearer error="invalid_token"'}
    try:
        return verify(token.strip())
    except KeysUnavailable as error:
        raise Refusal(503, "AUTH_UNAVAILABLE", "Try again in a moment.", Retry_After="5") from error
    except jwt.ExpiredSignatureError as error:
        raise Refusal(401, "AUTH_TOKEN_EXPIRED", "The access token has expired.", **invalid) from error
    except jwt.PyJWTError as error:
        raise Refusal(401, "AUTH_TOKEN_INVALID", "The access token is not valid.", **invalid) from error


def require_role(claims, role):
    if role not in claims.get("roles", []):
        raise Refusal(403, "AUTH_ROLE_INSUFFICIENT", "This needs a role that the member does not have.")


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            if self.path != "/projects":
                raise Refusal(404, "AUTH_NOT_FOUND", "There is nothing at this address.")
            claims = authenticate(self.headers)
            require_role(claims, "admin")
            self.answer(200, {"owner": claims["email"], "projects": ["Analytical engine"]}, {})
        except Refusal as refusal:
            self.answer(refusal.status, refusal.body, refusal.headers)

    def answer(self, status, value, headers):
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", "Cache-Control": "no-store", **headers}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Api)
    print(f'Listening: {json.dumps({"port": server.server_port}, separators=(",", ":"))}', flush=True)
    server.serve_forever()
