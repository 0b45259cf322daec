// Beside the clinic's time stands the visitor's own, where their clocks differ at that moment. Everything else works
// without this file: the times are those of the clinic, and the page says so.
(() => {
  const page = document.documentElement.lang;
  const reader = navigator.languages.find((tag) => tag.split("-")[0] === page) || page;
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const made = new Map();

  function clock(zone, form) {
    const key = zone + JSON.stringify(form);
    // With the digits of the clinic's times beside it.
    const said = {timeZone: zone, numberingSystem: "latn", ...form};
    if (!made.has(key)) made.set(key, new Intl.DateTimeFormat(reader, said));
    return made.get(key);
  }

  function said(at, zone) {
    const day = {weekday: "short", day: "numeric"};
    const time = clock(here, {timeStyle: "short"}).format(at);
    const sameDay = clock(here, day).format(at) === clock(zone, day).format(at);
    return sameDay ? time : clock(here, {weekday: "short"}).format(at) + " " + time;
  }

  function differs(at, zone) {
    const wall = {dateStyle: "short", timeStyle: "short"};
    return clock(here, wall).format(at) !== clock(zone, wall).format(at);
  }

  function tell() {
    const words = document.querySelector("[data-yours]");
    if (!words) return;
    for (const time of document.querySelectorAll("[data-zone] time:not([data-told])")) {
      time.dataset.told = "";
      const at = new Date(time.dateTime);
      const zone = time.closest("[data-zone]").dataset.zone;
      if (!differs(at, zone)) continue;
      const yours = document.createElement("span");
      yours.className = "yours";
      yours.textContent = words.dataset.yours.replace("{time}", said(at, zone));
      time.after(" ", yours);
      words.textContent = words.dataset.zoneTold;
    }
  }

  tell();
  // Parts of the page are replaced when times are taken or become free. Until the visitor's own stand in them, the page stays as
  // high as it was: whoever reads its end would be scrolled up.
  const main = document.getElementById("main");
  document.addEventListener("htmx:before:swap", () => { main.style.minHeight = `${main.offsetHeight}px`; });
  new MutationObserver(tell).observe(main, {childList: true});
  document.addEventListener("htmx:after:swap", () => { main.style.minHeight = ""; });
})();

// What the device keeps for a patient (device.js) stays only as long as they are logged in.
if (!document.querySelector("script[data-owner]") && localStorage.getItem("next-visit")) localStorage.removeItem("next-visit");

// A form is sent once, however often its button is tapped.
(() => {
  const again = (form) => delete form.dataset.sent;

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent !== undefined) event.preventDefault();
    form.dataset.sent = "";
    setTimeout(again, 5000, form);
  });
  // The way back shows the page as it was left.
  addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(again));
})();
