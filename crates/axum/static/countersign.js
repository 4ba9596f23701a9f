// A convenience and no more: without it codes can be marked, copied and printed by hand, and times are in UTC.
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
  // Hidden again before it is sent, so that no browser keeps it among what was typed into fields of text.
  field.form.addEventListener("submit", () => reveal(false));
}
// In the reader's own time, in the language of the page, and in the form of the reader's country where that is known.
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
