// Optional: without this script, codes can be selected, copied and printed by hand, and times are in UTC.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const lines = [...document.getElementById(button.dataset.copy).children].map((line) => line.textContent.trim());
    await navigator.clipboard.writeText(lines.join("\n") + "\n");
    button.textContent = button.dataset.done;
  });
}
for (const button of document.querySelectorAll("[data-reveal]")) {
  const field = document.getElementById(button.dataset.reveal);
  const reveal = (shown) => {
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  };
  button.hidden = false;
  button.addEventListener("click", () => reveal(field.type === "password"));
  // Hide it again before the form is sent, so that no browser stores it as the value of a text field.
  field.form.addEventListener("submit", () => reveal(false));
}
// Show times in the reader's time zone, in the language of the page, and in the format of the reader's region if known.
const language = document.documentElement.lang;
const locale = navigator.languages.find((one) => one.split("-")[0] === language.split("-")[0]) ?? language;
const forms = {
  time: { timeStyle: "short" },
  minute: { dateStyle: "long", timeStyle: "short" },
  second: { dateStyle: "long", timeStyle: "medium" },
};
for (const time of document.querySelectorAll("time[data-show]")) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime())) continue;
  time.title = time.textContent;
  time.textContent = at.toLocaleString(locale, forms[time.dataset.show]);
}
