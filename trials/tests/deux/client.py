"""A client that was written from deux's documents, and uses no other knowledge of the API.

Its arguments: the address of the site, a user's name and password, a registered client's id and secret, and the file to
which text messages go, as lines of JSON. It says each thing that it has done; the first thing that is not as documented
ends it.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from oauthlib.oauth2 import LegacyApplicationClient, MissingTokenError
from requests_oauthlib import OAuth2Session

site, name, password, client_id, client_secret, inbox = sys.argv[1:]
# The server under test listens on this machine alone, without TLS.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


def call(method, path, body=None, token=None, as_form=False):
    """The status and the document of one request."""
    headers, data = {}, None
    if body is not None and as_form:
        headers["Content-Type"], data = "application/x-www-form-urlencoded", urllib.parse.urlencode(body).encode()
    elif body is not None:
        headers["Content-Type"], data = "application/json", json.dumps(body).encode()
    if token:
        headers["Authorization"] = "Token " + token
    request = urllib.request.Request(site + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    return status, json.loads(text) if text else None


def code():
    """The code of the last text message."""
    with open(inbox) as messages:
        return json.loads(messages.readlines()[-1])["code"]


def login(**more):
    return call("POST", "/mfa/authtoken/login/", {"username": name, "password": password, **more})


def wrong(code):
    return code[:-1] + ("1" if code.endswith("0") else "0")


def is_(answer, status, *keys):
    assert answer[0] == status and sorted(answer[1] or {}) == sorted(keys), answer
    return answer[1]


def did(what):
    print(what, flush=True)


# Token login, without a second factor.
token = is_(login(), 200, "token")["token"]
is_(login(password="wrong"), 400, "non_field_errors")
assert is_(call("GET", "/mfa/", token=token), 200, "enabled") == {"enabled": False}
did("signed in for a token")

# Enabling by SMS.
is_(call("PUT", "/mfa/sms/request/", {"phone_number": "123"}, token), 400, "phone_number")
pending = is_(call("PUT", "/mfa/sms/request/", {"phone_number": "31612345658"}, token), 200, "enabled", "phone_number")
assert pending == {"enabled": False, "phone_number": "31612345658"}, pending
is_(call("PUT", "/mfa/sms/verify/", {"mfa_code": wrong(code())}, token), 400, "mfa_code")
is_(call("PUT", "/mfa/sms/verify/", {"mfa_code": code()}, token, as_form=True), 429, "mfa_code")
did("was slowed down after a wrong code")
time.sleep(1)
verified = call("PUT", "/mfa/sms/verify/", {"mfa_code": code()}, token, as_form=True)
enabled = is_(verified, 200, "enabled", "challenge_type", "phone_number")
assert enabled["enabled"] and enabled["challenge_type"] == "sms", enabled
did("enabled text messages")

# Recovery.
backup_code = is_(call("GET", "/mfa/recovery/", token=token), 200, "backup_code")["backup_code"]
did("got a backup code")

# Token login, with a second factor.
assert is_(login(), 200, "mfa_required", "mfa_type") == {"mfa_required": True, "mfa_type": "sms"}
is_(login(mfa_code=code(), backup_code=backup_code), 400, "non_field_errors")
token = is_(login(mfa_code=code()), 200, "token")["token"]
did("signed in with a code")
is_(login(backup_code=backup_code), 200, "token")
is_(login(), 200, "token")
did("recovered: two-factor authentication is off")

# Enabling it again, and disabling it.
token = login()[1]["token"]
is_(call("PUT", "/mfa/sms/request/", {"phone_number": "31612345658"}, token), 200, "enabled", "phone_number")
is_(call("PUT", "/mfa/sms/verify/", {"mfa_code": code()}, token), 200, "enabled", "challenge_type", "phone_number")
is_(call("DELETE", "/mfa/", token=token), 204)
is_(call("DELETE", "/mfa/", token=token), 400, "detail")
did("disabled it")


# OAuth2, by a library that knows nothing of second factors.
def session():
    return OAuth2Session(client=LegacyApplicationClient(client_id=client_id))


def fetch(oauth, **more):
    return oauth.fetch_token(
        site + "/mfa/oauth2/token/", username=name, password=password, client_id=client_id, client_secret=client_secret, **more
    )


oauth = session()
given = fetch(oauth)
assert given["token_type"] == "Bearer" and given["expires_in"] == 36000 and given["refresh_token"], given
assert oauth.get(site + "/mfa/").json() == {"enabled": False}
did("signed in by OAuth2")

answer = oauth.put(site + "/mfa/sms/request/", json={"phone_number": "31612345658"})
assert answer.status_code == 200, answer.text
answer = oauth.put(site + "/mfa/sms/verify/", data={"mfa_code": code()})
assert answer.status_code == 200 and answer.json()["enabled"], answer.text
assert oauth.get(site + "/mfa/").json()["challenge_type"] == "sms"
did("enabled text messages by OAuth2")

second = session()
try:
    fetch(second)
    raise AssertionError("no code was asked for")
except MissingTokenError:
    pass
given = fetch(second, mfa_code=code())
assert "mfa_code" not in given, given
did("signed in by OAuth2 with a code")

refreshed = second.refresh_token(site + "/mfa/oauth2/token/", client_id=client_id, client_secret=client_secret)
assert refreshed["access_token"] != given["access_token"] and refreshed["refresh_token"] != given["refresh_token"]
assert second.get(site + "/mfa/").json()["enabled"]
did("went on with a refresh token")
