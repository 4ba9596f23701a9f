// Signing in, setting up and stepping up through the JSON API of Countersign.
//
// Read it from the top: how to send requests, how to show a view and wait for the user, and then one function for each
// action of a user. The session is in a cookie that no script can read; the script keeps only the CSRF token that goes
// with it, for as long as the page is open.

const API = "/api/v1";


// ---- Requests ----

/** The server refused the request. The response is a problem document (RFC 9457); programs should use its `code`. */
class Refused extends Error {
  constructor(problem, challenge) {
    super(problem.title);
    Object.assign(this, problem);
    this.challenge = challenge;
  }

  /** Whether the same request succeeds after a step-up (RFC 9470). */
  get wantsProof() {
    return this.challenge.includes('error="insufficient_user_authentication"');
  }
}

/** The CSRF token: required with every request that changes something, so that no other site can send one. */
let csrf;

/** Sends a request and returns the document of the response; throws if the request was refused. */
async function send(method, path, body, again = false) {
  const headers = { accept: "application/json" };
  if (body) headers["content-type"] = "application/json";
  if (method !== "GET") headers["x-csrf-token"] = csrf ?? (await send("GET", `${API}/csrf`)).csrf;
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const said = response.status === 204 ? {} : await response.json();
  csrf = said.csrf ?? said.pending?.csrf ?? said.opened?.csrf ?? csrf;
  if (response.ok) return said;
  // The user signed in or out in another tab: the token belonged to cookies that were replaced.
  if (said.code === "csrf-token" && !again) {
    csrf = undefined;
    return send(method, path, body, true);
  }
  throw new Refused(said, response.headers.get("www-authenticate") ?? "");
}

/** The same for requests that may require a step-up: the user verifies a factor, and the request is sent again. */
async function sendProved(method, path, body) {
  try {
    return await send(method, path, body);
  } catch (refused) {
    if (refused.code === "not-enabled") await setUp("totp", refused);
    else if (refused.code === "password-needed") await confirmPassword();
    else if (refused.wantsProof) await stepUp();
    else throw refused;
    return send(method, path, body);
  }
}


// ---- Showing a view, and waiting for the user ----

const main = document.getElementById("main");

/** The template of this name, with its slots filled. Values are inserted as text and never as HTML. */
function filled(name, slots) {
  const view = document.getElementById(name).content.cloneNode(true);
  for (const part of view.querySelectorAll("[data-if]")) if (!slots[part.dataset.if]) part.remove();
  for (const place of view.querySelectorAll("[data-slot]")) {
    const value = slots[place.dataset.slot] ?? "";
    if (place.matches("input")) place.value = value;
    else if (place.matches("a")) place.href = value;
    else place.replaceChildren(...[value].flat());
  }
  return view;
}

/** Replaces the view, shows an error if there is one, and sets the focus. */
function show(name, slots, problem) {
  const view = filled(name, slots);
  const heading = view.querySelector("h1");
  heading.tabIndex = -1;
  document.title = `${problem ? "Error: " : ""}${heading.textContent} – The vault`;
  if (problem) heading.after(filled("problem", { ...problem, wait: problem.retry_after && span(problem.retry_after) }));
  main.replaceChildren(view);
  main.ariaBusy = "false";
  const field = problem && main.querySelector(`input[name="${problem.member ?? "code"}"]`);
  field?.setAttribute("aria-describedby", `told ${field.getAttribute("aria-describedby") ?? ""}`.trim());
  if (problem?.member) field?.setAttribute("aria-invalid", "true");
  (field ?? main.querySelector("[data-focus]") ?? heading).focus();
}

/** The next action of the user: the value of the button as `action`, and the fields of its form. */
function person() {
  return new Promise((resolve) => {
    listening = resolve;
  });
}

let listening;

document.addEventListener("submit", (event) => {
  event.preventDefault();
  const done = Object.fromEntries(new FormData(event.target, event.submitter));
  if (done.action === "sign-out") {
    signOut();
  } else if (listening) {
    main.ariaBusy = "true";
    listening(done);
    listening = undefined; // Ignores buttons until this action is done.
  }
});

/** The user has cancelled. */
class GivenUp extends Error {}

/** The text for an error; errors that end the view are thrown again. */
function told(wrong, ...ends) {
  if (wrong instanceof GivenUp || ["sign-in-needed", ...ends].includes(wrong.code)) throw wrong;
  if (wrong instanceof Refused) return wrong;
  console.error(wrong);
  return { title: "The server cannot be reached.", detail: "Try again in a moment." };
}

const at = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { timeStyle: "short" });
const on = (seconds) => new Date(seconds * 1000).toLocaleDateString([], { dateStyle: "medium" });
const span = (seconds) => {
  const [count, unit] = seconds < 100 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return new Intl.NumberFormat("en", { style: "unit", unit, unitDisplay: "long" }).format(count);
};


// ---- Signing in ----

/** Name and password, and a device if a second factor is required. */
async function signIn(problem) {
  let name;
  for (;;) {
    show("sign-in", { name }, problem);
    const given = await person();
    name = given.name;
    try {
      const step = await send("POST", `${API}/login`, { name, password: given.password });
      if (step.status === "pending") await prove({ title: "Enter your code", back: "Start over" }, `${API}/login`, {}, step.pending);
      return;
    } catch (wrong) {
      problem = wrong instanceof GivenUp ? undefined : told(wrong);
    }
  }
}

/** The step-up that a request requires: a new session replaces this one. */
async function stepUp() {
  const pending = await send("POST", `${API}/step-up`, {});
  const words = { title: "Confirm it's you", why: "Verify again to continue.", back: "Cancel" };
  await prove(words, `${API}/step-up`, { step_up: pending.step_up }, pending);
}

/** The password again, for users without a device: a new session replaces this one. */
async function confirmPassword() {
  let problem;
  for (;;) {
    show("password", { user: document.getElementById("who").textContent }, problem);
    const { action, current } = await person();
    if (action === "give-up") throw new GivenUp();
    try {
      await send("POST", `${API}/password/confirm`, { current });
      return;
    } catch (wrong) {
      problem = told(wrong);
    }
  }
}

/**
 * Has a device answer in a run that is under way, at this path; a step-up names its run, a login has it in a cookie.
 * `owed` says who is asked, what an answer looks like, and who else may be asked.
 */
async function prove(words, path, run, owed) {
  let problem;
  for (;;) {
    show("device", { ...words, ...asked(owed) }, problem);
    const { action, device, code } = await person();
    problem = undefined;
    try {
      if (action === "give-up") {
        if (!run.step_up) await send("POST", `${path}/cancel`, {});
        csrf = undefined; // It belonged to the login that was cancelled.
        throw new GivenUp();
      }
      if (action === "answer") {
        await send("POST", `${path}/answer`, { ...run, device: owed.asked.id, code });
        return;
      }
      owed = await send("POST", `${path}/${action}`, { ...run, device }); // "send" or "challenge"
    } catch (wrong) {
      problem = told(wrong, "attempt-expired");
      if (["device-disabled", "device-expired", "device-unknown"].includes(wrong.code)) owed = await send("POST", `${path}/challenge`, run);
    }
  }
}

/** The label of a device: its name, if the server has sent it, or its method. */
function called({ name, method }) {
  const methods = { totp: "your authenticator app", hotp: "your token", yubikey: "your YubiKey", "backup-codes": "your backup codes" };
  return name ?? methods[method] ?? "your telephone or mailbox";
}

/** The values for the view of a device. */
function asked({ asked: device, others, disabled, expects, unsent, expires_at }) {
  const { form, digits, sent_until, left } = device.answer;
  return {
    unsent: unsent && `${unsent.title} ${unsent.detail}`,
    disabled: disabled.map(called).join(", "),
    guessed: device.failures >= 3,
    failures: device.failures,
    [expects]: true, // "answer", or "send" if a code must be sent first
    [form]: form !== "sent", // "digits", "press", "backup-code" or "text"
    sent: sent_until && at(sent_until),
    id: device.id,
    device: called(device),
    to: device.to,
    left,
    numeric: digits,
    wordy: ["press", "text"].includes(form),
    hint: digits ? `${digits} digits` : form === "backup-code" && "17 letters and digits. Blanks, hyphens and capitals do not matter.",
    others: others.length > 0 && others.map(other),
    until: at(expires_at),
  };
}

/** A button for another device: it sends a code, or selects the device. */
function other(device) {
  const { form, sent_until, left } = device.answer;
  const sends = form === "sent" && !sent_until;
  const ways = {
    sms: `Send a text message to ${device.to}`,
    call: `Call ${device.to}`,
    email: `Send an e-mail to ${device.to}`,
    "backup-codes": left === undefined ? "Use a backup code" : `Use a backup code (${left} left)`,
  };
  const way = sent_until ? `Type the code that was sent to ${device.to}` : (ways[device.method] ?? `Use ${called(device)}`);
  return filled("other", { id: device.id, way, send: sends, challenge: !sends });
}


// ---- Setting up ----

const NEW = {
  totp: { title: "Add an authenticator app", name: "Authenticator app" },
  sms: { title: "Add a telephone", name: "Telephone", telephone: true },
};

/** Sets up a device, from its name to its first answer, and generates backup codes if there are none. */
async function setUp(method, problem) {
  let given = {};
  for (;;) {
    show("new-device", { ...NEW[method], ...given }, problem);
    given = await person();
    if (given.action === "give-up") throw new GivenUp();
    try {
      const setup = await sendProved("POST", `${API}/devices`, { method, name: given.name, to: given.to });
      await confirm(setup);
      break;
    } catch (wrong) {
      problem = told(wrong);
    }
  }
  const { backup_codes_left } = await send("GET", `${API}/devices`);
  if (backup_codes_left === undefined) await makeBackupCodes();
}

/** The first answer of a new device. Until then the device is not active. */
async function confirm(setup) {
  const run = { setup: setup.setup };
  const qr = setup.uri && (await picture(setup.uri));
  let problem;
  for (;;) {
    const { to, answer } = setup.device;
    const shown = { ...setup, qr, to, sent: answer.sent_until && at(answer.sent_until), hint: `${answer.digits} digits` };
    show(setup.key ? "app" : "telephone", shown, problem);
    const { action, code } = await person();
    problem = undefined;
    try {
      if (action === "give-up") {
        await send("POST", `${API}/devices/setup/cancel`, run);
        throw new GivenUp();
      }
      if (action === "confirm") {
        await sendProved("POST", `${API}/devices/setup/confirm`, { ...run, code });
        return;
      }
      setup = await sendProved("POST", `${API}/devices/setup/send`, run);
    } catch (wrong) {
      problem = told(wrong, "attempt-expired");
    }
  }
}

/** A key's `otpauth:` URL as a QR image. The host draws it, since this page may load no library that could. */
async function picture(uri) {
  const response = await fetch("/qr", { method: "POST", body: uri });
  return new DOMParser().parseFromString(await response.text(), "image/svg+xml").documentElement;
}

/** Generates new backup codes and shows them, once. */
async function makeBackupCodes() {
  const { codes } = await sendProved("POST", `${API}/backup-codes`);
  const item = (code) => {
    const item = document.createElement("li");
    item.append(document.createElement("code"));
    item.firstChild.textContent = code;
    return item;
  };
  for (;;) {
    show("codes", { codes: codes.map(item) });
    const { action } = await person();
    if (action === "kept") return;
    print();
  }
}


// ---- Signed in ----

/** The actions of a signed-in user. Ends with the session, and returns what ended it. */
async function home() {
  let news, problem;
  for (;;) {
    try {
      const session = await send("GET", `${API}/session`);
      const factors = await send("GET", `${API}/devices`);
      document.getElementById("who").textContent = session.user.name;
      document.getElementById("account").hidden = false;
      show("home", { news, ...overview(session, factors) }, problem);
      const { action } = await person();
      news = problem = undefined;
      if (action === "open") {
        const { owner, holds } = await sendProved("GET", "/vault");
        news = `The vault of ${owner} is open. In it: ${holds}.`;
      } else if (action === "backup-codes") {
        await makeBackupCodes();
        news = "You have new backup codes. Older ones have ended.";
      } else {
        await setUp(action);
        news = "It is set up.";
      }
    } catch (wrong) {
      if (wrong.code === "sign-in-needed") return wrong;
      if (!(wrong instanceof GivenUp)) problem = told(wrong);
    }
  }
}

function overview({ acr, auth_time }, { enabled, devices }) {
  const listed = (device) => {
    const { name, to, preferred, status, created_at, last_used_at } = device;
    const used = last_used_at ? `last used on ${on(last_used_at)}` : "never used";
    const about = `Added on ${on(created_at)}, ${used}.`;
    return filled("listed", { device: name, to, preferred, disabled: status === "disabled", about });
  };
  return { on: enabled, off: !enabled, devices: devices.map(listed), level: acr, proved: at(auth_time) };
}


// ---- The whole flow ----

/** Continues with an existing session. */
async function isSignedIn() {
  try {
    return Boolean(await send("GET", `${API}/session`));
  } catch {
    return false;
  }
}

/** Ends the session, and with the page all pending requests. A session that has ended already is not an error. */
async function signOut() {
  try {
    await send("POST", `${API}/logout`, {});
  } catch (wrong) {
    if (wrong.code !== "sign-in-needed") {
      main.prepend(filled("problem", told(wrong)));
      return;
    }
  }
  location.reload();
}

if (!(await isSignedIn())) await signIn();
for (;;) {
  const over = await home();
  document.getElementById("account").hidden = true;
  await signIn(over);
}
