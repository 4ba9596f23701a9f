"""The users of the requests: hooks for schemathesis that keep them signed in and complete generated requests.

What is made up is right by its form and wrong by its content: no user has that password, and no such code was ever sent. So
every other case that may be right is completed with what a person would know: a name and a password, the run that was told
last, the code that a device shows now. Most cases show the session of a user who has verified a second factor, which is
replaced, by the API's own login, when a case has ended it. None of what is asked here counts as a case.
"""

import base64
import hmac
import itertools
import json
import os
import random
import time
import urllib.error
import urllib.request

import schemathesis

BASE = os.environ["TRIAL_API"]
# One user per line: a name and a phone number. All have the same password, until they change it.
PEOPLE = [line.split() for line in os.environ["TRIAL_PEOPLE"].splitlines()]
PASSWORD = os.environ["TRIAL_PASSWORD"]
# The name of a user who never sets anything up: only such a user can confirm the password.
NEWCOMER = os.environ["TRIAL_NEWCOMER"]
# The messages that were sent, one per line.
OUTBOX = os.environ["TRIAL_OUTBOX"]

CHANCE = random.Random(7)
PASSWORDS = (f"marmalade {number} umbrella kiosk" for number in itertools.count())


class Stuck(Exception):
    """The user cannot continue."""


class Person:
    def __init__(self, name, number):
        self.name, self.number, self.password = name, number, PASSWORD
        # Of the session, and the personal token that was made last.
        self.token = self.personal = None
        # The keys of apps by device, and the time step of the last code that each has given.
        self.keys, self.steps = {}, {}
        self.codes = []

    def bearer(self):
        if self.token is None:
            self.signs_in()
        return self.token

    def signs_in(self):
        step = self.asks("POST", "/login", {"name": self.name, "password": self.password})
        if step["status"] == "pending":
            owed = step["pending"]
            self.asks("POST", "/login/answer", {"login": owed["login"], **self.answer_to(owed)})
        there = {device["method"] for device in self.asks("GET", "/devices")["devices"]}
        if "totp" not in there:
            self.sets_up("totp")
        if "sms" not in there:
            self.sets_up("sms")
        if "backup-codes" not in there or len(self.codes) < 5:
            self.asks("POST", "/backup-codes")

    def sets_up(self, method):
        run = self.asks("POST", "/devices", self.spare(method))
        self.asks("POST", "/devices/setup/confirm", {"setup": run["setup"], "code": self.proof_of(run["device"])})

    def proof_of(self, device):
        return self.code_of(device["id"]) if device["method"] == "totp" else self.last_message()

    def answer_to(self, owed):
        """A device that has an answer now, and the answer: a list has ten, an app has one every thirty seconds."""
        devices = [owed["asked"], *owed["others"]]
        for device in devices:
            if device["method"] == "backup-codes" and self.codes:
                return {"device": device["id"], "code": self.codes.pop()}
            if device["id"] in self.keys and now() > self.steps.get(device["id"], 0):
                return {"device": device["id"], "code": self.code_of(device["id"])}
        for device in devices:
            if device["method"] == "sms":
                run, path = ("login", "/login/send") if "login" in owed else ("step_up", "/step-up/send")
                self.asks("POST", path, {run: owed[run], "device": device["id"]})
                return {"device": device["id"], "code": self.last_message()}
        raise Stuck(f"{self.name} has no answer for any of {[device['method'] for device in devices]}")

    def spare(self, method):
        return {"method": method, "name": "Spare", "to": self.number if method == "sms" else None}

    def begins(self, kind, name):
        """An attempt with which the operation of this name can continue, and its data."""
        if kind == "login":
            return self.asks("POST", "/login", {"name": self.name, "password": self.password})["pending"]
        if kind == "step_up":
            return self.asks("POST", "/step-up", {})
        return self.asks("POST", "/devices", self.spare("sms" if name == "setupSend" else "totp"))

    def goes_on(self, name, told):
        """The values for the request of this name, besides the attempt."""
        if name in ("loginAnswer", "stepUpAnswer"):
            return self.answer_to(told)
        if name in ("loginChallenge", "stepUpChallenge"):
            return {"device": told["asked"]["id"]}
        if name in ("loginSend", "stepUpSend"):
            devices = [told["asked"], *told["others"]]
            return {"device": [device["id"] for device in devices if device["method"] == "sms"][0]}
        return {"code": self.proof_of(told["device"])} if name == "setupConfirm" else {}

    def code_of(self, device):
        """RFC 6238."""
        self.steps[device] = now()
        text = self.keys[device].replace(" ", "")
        key = base64.b32decode(text + "=" * (-len(text) % 8))
        digest = hmac.digest(key, now().to_bytes(8, "big"), "sha1")
        start = digest[-1] & 15
        number = int.from_bytes(digest[start:start + 4], "big") & 0x7FFFFFFF
        return f"{number % 10**6:06}"

    def last_message(self):
        with open(OUTBOX) as outbox:
            messages = [json.loads(line) for line in outbox if line.strip()]
        return [message["code"] for message in messages if message["to"] == self.number][-1]

    def asks(self, method, path, body=None):
        headers = {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(BASE + path, data, headers, method=method)) as answer:
                said = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise Stuck(f"{self.name}: {method} {path}: {error.read().decode()}") from None
        self.learns(said)
        return said

    def learns(self, said):
        """Stores the values of a response: a session, the key of an app, backup codes, a personal token."""
        opened = said.get("opened") or said
        if "session" in opened:
            self.token = opened["token"]
        if "made" in said:
            self.personal = said["token"]
        if "key" in said:
            self.keys[said["device"]["id"]] = said["key"]
        self.codes = said.get("codes", self.codes)


def now():
    """The time step of apps."""
    return int(time.time()) // 30


# Where the token of a run is, by how the names of the operations begin that go on with it.
RUNS = {"login": "login", "stepUp": "step_up", "setup": "setup"}


class Site:
    """The present user, and the values of earlier responses."""

    def __init__(self):
        self.waiting = [Person(*person) for person in PEOPLE]
        self.person = self.waiting.pop(0)
        # The runs, with what was told of them, and what lists have named.
        self.runs = {}
        self.named = {"devices": [], "sessions": [], "tokens": []}

    def bearer(self):
        while True:
            try:
                return self.person.bearer()
            except Stuck as stuck:
                if not self.waiting:
                    raise
                print(f"the next one, please: {stuck}", flush=True)
                self.person = self.waiting.pop(0)

    def learns(self, said):
        owed = said.get("pending") or said
        self.runs |= {owed[kind]: owed for kind in RUNS.values() if kind in owed}
        for kind in self.named:
            self.named[kind] = [thing["id"] for thing in said.get(kind, [])] or self.named[kind]


SITE = Site()


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Members that are not described may be in any answer, says OpenAPI; we say that they may not."""
    operations = [operation for methods in raw_schema["paths"].values() for operation in methods.values()]
    waiting, seen = [operation["responses"] for operation in operations], set()
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "properties" in part:
                part["additionalProperties"] = False
            name = str(part.get("$ref")).removeprefix("#/components/schemas/")
            if name in raw_schema["components"]["schemas"] and name not in seen:
                seen.add(name)
                waiting.append(raw_schema["components"]["schemas"][name])
        waiting += part.values() if isinstance(part, dict) else part if isinstance(part, list) else []


@schemathesis.auth(refresh_interval=None)
class Session:
    """The session of whose turn it is; where a personal token will do, that every other time."""

    def get(self, case, context):
        bearer = SITE.bearer()
        if name_of(case) == "session" and SITE.person.personal and CHANCE.random() < 0.5:
            return SITE.person.personal
        return bearer

    def set(self, case, bearer, context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {bearer}"}


def name_of(case):
    return case.operation.definition.raw["operationId"]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Completes every other case that may be right. If the user cannot continue, the generated case is unchanged."""
    if case.meta is not None and case.meta.generation.mode.is_positive and CHANCE.random() < 0.5:
        try:
            complete(name_of(case), case)
        except (Stuck, LookupError):
            pass


def complete(name, case):
    person, body = SITE.person, case.body
    for things in SITE.named:
        if case.operation.path.startswith(f"/{things}/{{id}}"):
            case.path_parameters["id"] = SITE.named[things][-1]
    if not isinstance(body, dict):
        return
    if name == "login":
        body |= {"name": person.name, "password": person.password}
    elif name == "setup":
        body |= person.spare(CHANCE.choice(["totp", "sms"]))
    elif name == "deviceRename":
        body["name"] = "Spare"
    elif name == "tokenMake":
        body |= {"name": "Script", "scopes": ["read"], "expires_in": 3600}
    elif name == "password":
        body |= {"current": person.password, "new": next(PASSWORDS)}
    elif name == "passwordConfirm":
        newcomer = Person(NEWCOMER, None)
        newcomer.asks("POST", "/login", {"name": NEWCOMER, "password": PASSWORD})
        body["current"] = PASSWORD
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {newcomer.token}"}
    kind = next((kind for start, kind in RUNS.items() if name.startswith(start) and name != start), None)
    if kind is not None:
        # A link may have handed one on.
        told = SITE.runs.get(body.get(kind)) or person.begins(kind, name)
        body |= {kind: told[kind], **person.goes_on(name, told)}


@schemathesis.hook
def after_call(context, case, response):
    """Stores the values of a response, and detects what a request has ended."""
    name, person = name_of(case), SITE.person
    if response.status_code < 300 and name != "passwordConfirm":
        if response.content:
            person.learns(response.json())
            SITE.learns(response.json())
        if name == "password":
            person.password = case.body["new"]
        if name in ("logout", "disable", "deviceRemove", "sessionEnd"):
            person.token = None
    elif "invalid_token" in "".join(response.headers.get("www-authenticate", [])):
        person.token = None


@schemathesis.check
def told_in_one_way(ctx, response, case):
    """Status and headers of a response agree with its document."""
    if response.status_code >= 400:
        said = response.json()
        waits = "".join(response.headers.get("retry-after", []))
        assert said["status"] == response.status_code, said
        assert waits == str(said.get("retry_after", "")), (said, waits)
        assert ("www-authenticate" in response.headers) == (response.status_code == 401), said
