"""Uses a package that was generated from the description of the API, and nothing else of the API.

Its arguments: the address of the API, a user's name and password. It says each thing that it has done; the first thing
that is not as described ends it.
"""

import base64
import hashlib
import hmac
import importlib
import inspect
import struct
import sys
import time

from generated import AuthenticatedClient, Client, models

api, name, password = sys.argv[1:]
token = None
codes = []


def call(operation, *path, token=None, **body):
    """The status and the document of one request. The generated code says whether a token is sent."""
    module = importlib.import_module("generated.api.default." + operation)
    parameters = inspect.signature(module.sync_detailed).parameters
    needs_token = parameters["client"].annotation == AuthenticatedClient
    client = AuthenticatedClient(api, token=token or globals()["token"]) if needs_token else Client(api)
    client = client.with_timeout(60)
    if body:
        body = {"body": getattr(models, body.pop("model"))(**body)}
    answer = module.sync_detailed(*path, client=client, **body)
    return int(answer.status_code), answer.parsed, answer.headers


def opens(operation, *path, **body):
    """A request after which another session goes on."""
    global token
    status, opened, _ = obeying(operation, *path, **body)
    assert status == 200, (operation, status, opened)
    token = getattr(opened, "opened", None) or opened
    token = token.token
    return opened


def obeying(operation, *path, **body):
    """A request, and the proof that it is refused for; as often as it is."""
    for _ in range(3):
        status, document, headers = call(operation, *path, **body)
        code = document.code.value if isinstance(document, models.ProblemDocument) else None
        if code == "verification-needed":
            proved[operation] = True
            steps_up()
        elif code == "password-needed":
            proved[operation] = True
            opens("password_confirm", model="PasswordProof", current=password)
        else:
            break
    return status, document, headers


# Which requests were refused for a proof, in order.
proved = {}


def steps_up():
    """Proves a backup code: an app would have to wait for its next code."""
    status, pending, _ = call("step_up", model="StepUpBegin")
    assert status == 200, pending
    [device] = [other for other in [pending.asked, *pending.others] if other.answer.form == "backup-code"]
    opens("step_up_answer", model="StepUpAnswer", step_up=pending.step_up, device=device.id, code=codes.pop())


def shown(key, ahead=0):
    """What an app with this key shows (RFC 6238), some steps ahead."""
    counter = struct.pack(">Q", int(time.time()) // 30 + ahead)
    digest = hmac.digest(base64.b32decode(key.replace(" ", "")), counter, hashlib.sha1)
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 10**6:06}"


def did(what):
    print(what, flush=True)


# The first sign-in, with a password alone.
step = opens("login", model="Credentials", name=name, password=password)
assert step.status == "signed-in", step
did("signed in with the password")
time.sleep(4)
status, refused, _ = call("step_up", model="StepUpBegin")
assert (status, refused.code.value) == (403, "not-enabled"), refused

# An app, with the password confirmed on the way.
status, setup, _ = obeying("setup", model="SetupBegin", method="totp", name="App")
assert status == 201 and list(proved) == ["setup"], (status, setup, proved)
time.sleep(4)
opens("setup_confirm", model="SetupProof", setup=setup.setup, code=shown(setup.key))
assert list(proved) == ["setup", "setup_confirm"], proved
status, made, _ = call("backup_codes")
assert status == 200, made
codes = made.codes
key = setup.key
did("set up an app")

# Signing out, and in again with the app.
first = token
status, _, _ = call("logout")
assert status == 204, status
status, refused, headers = call("session", token=first)
assert (status, refused.code.value) == (401, "sign-in-needed"), refused
assert "invalid_token" in headers["www-authenticate"], headers
status, refused, _ = call("logout", token=first)
assert (status, refused.code.value) == (401, "sign-in-needed"), refused
status, step, _ = call("login", model="Credentials", name=name, password=password)
assert (status, step.status) == (200, "pending"), step
pending = step.pending
# One step ahead is accepted, and the code of this one has been used.
answer = {"login": pending.login, "device": pending.asked.id, "code": shown(key, ahead=1)}
opened = opens("login_answer", model="LoginAnswer", **answer)
assert opened.session.acr == "aal2", opened
did("signed in with the app")

# Another app, with step-ups in the middle: before it begins, and before it is confirmed.
proved.clear()
time.sleep(4)
status, setup, _ = obeying("setup", model="SetupBegin", method="totp", name="Another app")
assert status == 201 and list(proved) == ["setup"], (status, setup, proved)
time.sleep(4)
opens("setup_confirm", model="SetupProof", setup=setup.setup, code=shown(setup.key))
assert list(proved) == ["setup", "setup_confirm"], proved
status, factors, _ = call("devices")
assert [device.name for device in factors.devices] == ["App", "Another app"], factors
did("set up another app, with step-ups in the middle")

# Stepping up for its own sake: another session takes the place of this one.
before = token
steps_up()
assert call("session")[0] == 200 and call("session", token=before)[0] == 401
did("stepped up")

# Signing out.
last = token
assert call("logout")[0] == 204
status, refused, headers = call("session", token=last)
assert (status, refused.code.value) == (401, "sign-in-needed"), refused
assert "invalid_token" in headers["www-authenticate"], headers
did("is signed out")
