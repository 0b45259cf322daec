// The day list by one key: j and k (or the arrows) go from visit to visit, a letter does what the button of that letter does.
// Without this file every button is still there.
(() => {
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const here = () => document.activeElement?.closest("[data-row]");
  const typing = (target) => target.closest("input, select, textarea, [contenteditable]");

  function go(step) {
    const all = rows();
    const now = all.indexOf(here());
    const next = all[now < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + step, 0), all.length - 1)];
    next?.querySelector("th a").focus();
  }

  const letters = document.getElementById("keys-on");
  if (letters) {
    letters.checked = localStorage.getItem("letters") !== "off";
    letters.addEventListener("change", () => localStorage.setItem("letters", letters.checked ? "on" : "off"));
  }

  document.addEventListener("keydown", (event) => {
    if (event.key.length === 1 && !letters?.checked) return;
    if (event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
    const step = {j: 1, ArrowDown: 1, k: -1, ArrowUp: -1}[event.key];
    const row = here();
    if (step && rows().length && (row || event.key.length === 1)) {
      event.preventDefault();
      go(step);
    } else if (row && !event.repeat && /^[a-z]$/.test(event.key)) {
      const button = row.querySelector(`[data-key="${event.key}"]`);
      if (!button) return;
      event.preventDefault();
      row.querySelector("th a").focus();  // the button may be gone when the answer comes
      button.click();
    }
  });

  const print = document.querySelector("[data-print]");
  if (print) {
    print.hidden = false;
    print.addEventListener("click", () => window.print());
  }
})();
