// Lists are replaced by newer ones, in which another step may stand where the last one stood. Focus goes to no other button than
// the one that had it, and no tap does what could not have been read yet.
(() => {
  const unread = 400;  // ms, after which people can answer to what they see
  let since = new Map();  // of each step that is there; 0: as long as the page
  let held = null;

  function note(at) {
    since = new Map([...document.querySelectorAll("[data-step]")].map(({id}) => [id, since.get(id) ?? at]));
  }
  note(0);
  // Not by an event of the swap, which is told after it could be tapped.
  new MutationObserver(() => note(performance.now())).observe(document.getElementById("main"), {childList: true, subtree: true});

  document.addEventListener("click", (event) => {
    const step = event.detail && event.target.closest("[data-step]");  // 0: by a key, which only does what has focus
    const at = step && since.get(step.id);
    if (!at || performance.now() - at > unread) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  document.addEventListener("htmx:before:swap", () => {
    const on = document.activeElement;
    const row = on?.closest("[data-row]");
    held = row && {step: on.id, row: row.id};
  });

  document.addEventListener("htmx:after:swap", () => {
    const row = held && document.getElementById(held.row);
    if (!row || document.activeElement !== document.body) return;
    (document.getElementById(held.step) || row.querySelector("th a") || row).focus({preventScroll: true});
  });
})();
