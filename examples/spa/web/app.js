// Signing in, setting up and stepping up through the JSON API of Countersign.
//
// Read it from the top: how to ask the server, how to show a view and wait for the person, and then one function for each
// thing that a person does. What opens the session is in a cookie that no script can read; nothing is kept here but the
// token that goes with it, and that is gone with the page.

const API = "/api/v1";


// ---- Asking the server ----

/** The server said no. What it said is a problem document (RFC 9457); `code` is what a program goes by. */
class Refused extends Error {
  constructor(problem, challenge) {
    super(problem.title);
    Object.assign(this, problem);
    this.challenge = challenge;
  }

  /** Whether the same request succeeds after a fresh proof (RFC 9470). */
  get wantsProof() {
    return this.challenge.includes('error="insufficient_user_authentication"');
  }
}

/** Goes with every request that changes something, so that no other site can make this browser send one. */
let csrf;

/** Sends a request and gives the document that comes back; throws what was refused. */
async function send(method, path, body, again = false) {
  const headers = { accept: "application/json" };
  if (body) headers["content-type"] = "application/json";
  if (method !== "GET") headers["x-csrf-token"] = csrf ?? (await send("GET", `${API}/csrf`)).csrf;
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const said = response.status === 204 ? {} : await response.json();
  csrf = said.csrf ?? said.pending?.csrf ?? said.opened?.csrf ?? csrf;
  if (response.ok) return said;
  // Somebody signed in or out in another tab: the token went with cookies that are no more.
  if (said.code === "csrf-token" && !again) {
    csrf = undefined;
    return send(method, path, body, true);
  }
  throw new Refused(said, response.headers.get("www-authenticate") ?? "");
}

/** The same for what may ask for a fresh proof: that is given, and the request is sent again. */
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


// ---- Showing a view, and waiting for the person ----

const main = document.getElementById("main");

/** The template of this name, its slots filled. Texts stay texts: nothing that the server or a person says becomes HTML. */
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

/** Shows a view in the place of the last one, with what went wrong, and puts the cursor where it belongs. */
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

/** What the person does next: the value of the button as `deed`, and what the form around it says. */
function person() {
  return new Promise((resolve) => {
    listening = resolve;
  });
}

let listening;

document.addEventListener("submit", (event) => {
  event.preventDefault();
  const done = Object.fromEntries(new FormData(event.target, event.submitter));
  if (done.deed === "sign-out") {
    signOut();
  } else if (listening) {
    main.ariaBusy = "true";
    listening(done);
    listening = undefined; // Whatever is pressed before this is done is not heard.
  }
});

/** The person does not want to go on with what they have begun. */
class GivenUp extends Error {}

/** What a view tells of something that went wrong; what ends the view is passed on. */
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

/** Name and password, and a device if one is owed. */
async function signIn(problem) {
  let name;
  for (;;) {
    show("sign-in", { name }, problem);
    const given = await person();
    name = given.name;
    try {
      const step = await send("POST", `${API}/login`, { name, password: given.password });
      if (step.status === "pending") await prove({ title: "One more step", back: "Start over" }, `${API}/login`, {}, step.pending);
      return;
    } catch (wrong) {
      problem = wrong instanceof GivenUp ? undefined : told(wrong);
    }
  }
}

/** The proof that something asks for: another session takes the place of this one. */
async function stepUp() {
  const pending = await send("POST", `${API}/step-up`, {});
  const words = { title: "Is it still you?", why: "What you asked for needs a fresh proof.", back: "Cancel" };
  await prove(words, `${API}/step-up`, { step_up: pending.step_up }, pending);
}

/** The password once more, where there is no device to prove: another session takes the place of this one. */
async function confirmPassword() {
  let problem;
  for (;;) {
    show("password", { user: document.getElementById("who").textContent }, problem);
    const { deed, current } = await person();
    if (deed === "give-up") throw new GivenUp();
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
    const { deed, device, code } = await person();
    problem = undefined;
    try {
      if (deed === "give-up") {
        if (!run.step_up) await send("POST", `${path}/cancel`, {});
        csrf = undefined; // It went with the login that was given up.
        throw new GivenUp();
      }
      if (deed === "answer") {
        await send("POST", `${path}/answer`, { ...run, device: owed.asked.id, code });
        return;
      }
      owed = await send("POST", `${path}/${deed}`, { ...run, device }); // "send" or "challenge"
    } catch (wrong) {
      problem = told(wrong, "attempt-expired");
      if (["device-disabled", "device-expired", "device-unknown"].includes(wrong.code)) owed = await send("POST", `${path}/challenge`, run);
    }
  }
}

/** What a device is called: its name, where the server tells it, or its method. */
function called({ name, method }) {
  const methods = { totp: "your authenticator app", hotp: "your token", yubikey: "your YubiKey", "backup-codes": "your backup codes" };
  return name ?? methods[method] ?? "your telephone or mailbox";
}

/** What the view of a device is filled with. */
function asked({ asked: device, others, disabled, expects, unsent, expires_at }) {
  const { form, digits, sent_until, left } = device.answer;
  return {
    unsent: unsent && `${unsent.title} ${unsent.detail}`,
    disabled: disabled.map(called).join(", "),
    guessed: device.failures >= 3,
    failures: device.failures,
    [expects]: true, // "answer", or "send" where a code has to be sent first
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

/** A button for another device: one that sends a code, where codes are sent, or one that asks for it. */
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

/** Sets a device up, from its name to its first answer, and makes backup codes if there are none. */
async function setUp(method, problem) {
  let given = {};
  for (;;) {
    show("new-device", { ...NEW[method], ...given }, problem);
    given = await person();
    if (given.deed === "give-up") throw new GivenUp();
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

/** The first answer of a new device. Until then it counts for nothing. */
async function confirm(setup) {
  const run = { setup: setup.setup };
  const qr = setup.uri && (await picture(setup.uri));
  let problem;
  for (;;) {
    const { to, answer } = setup.device;
    const shown = { ...setup, qr, to, sent: answer.sent_until && at(answer.sent_until), hint: `${answer.digits} digits` };
    show(setup.key ? "app" : "telephone", shown, problem);
    const { deed, code } = await person();
    problem = undefined;
    try {
      if (deed === "give-up") {
        await send("POST", `${API}/devices/setup/cancel`, run);
        throw new GivenUp();
      }
      if (deed === "confirm") {
        await sendProved("POST", `${API}/devices/setup/confirm`, { ...run, code });
        return;
      }
      setup = await sendProved("POST", `${API}/devices/setup/send`, run);
    } catch (wrong) {
      problem = told(wrong, "attempt-expired");
    }
  }
}

/** The address of a key as a QR image. The host draws it, since nothing that this page may load can. */
async function picture(uri) {
  const response = await fetch("/qr", { method: "POST", body: uri });
  return new DOMParser().parseFromString(await response.text(), "image/svg+xml").documentElement;
}

/** Makes new backup codes and shows them, once. */
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
    const { deed } = await person();
    if (deed === "kept") return;
    print();
  }
}


// ---- At home ----

/** What one may do once one is signed in. Ends with the session, and gives what it was ended by. */
async function home() {
  let news, problem;
  for (;;) {
    try {
      const session = await send("GET", `${API}/session`);
      const factors = await send("GET", `${API}/devices`);
      document.getElementById("who").textContent = session.user.name;
      document.getElementById("account").hidden = false;
      show("home", { news, ...overview(session, factors) }, problem);
      const { deed } = await person();
      news = problem = undefined;
      if (deed === "open") {
        const { owner, holds } = await sendProved("GET", "/vault");
        news = `The vault of ${owner} is open. In it: ${holds}.`;
      } else if (deed === "backup-codes") {
        await makeBackupCodes();
        news = "You have new backup codes. Older ones have ended.";
      } else {
        await setUp(deed);
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


// ---- From beginning to end ----

/** Whoever has a session already goes on with it. */
async function isSignedIn() {
  try {
    return Boolean(await send("GET", `${API}/session`));
  } catch {
    return false;
  }
}

/** Ends the session, and with the page whatever was under way in it. One that has ended already is no problem. */
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
