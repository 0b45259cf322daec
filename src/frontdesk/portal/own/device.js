// While a patient is logged in: keeps what the page without a network shows, their next visit among it, on this device.
// Logging out erases it (Clear-Site-Data), and so does any page that nobody is logged in to (portal.js).
(() => {
  const {owner, files} = document.currentScript.dataset;
  const AGAIN_AFTER_MS = 300000;
  if (!navigator.serviceWorker || !window.caches) return;

  function isFresh() {
    const changes = /^\/(visits|book)/.test(location.pathname);
    const last = JSON.parse(localStorage.getItem("next-visit"));
    return !changes && last && last.owner === owner && last.files === files && Date.now() - last.saved < AGAIN_AFTER_MS;
  }

  async function keep() {
    const answer = await fetch("/device/next", {headers: {Accept: "application/json"}});
    if (!answer.ok) return;
    const visit = await answer.json();
    localStorage.setItem("next-visit", JSON.stringify({owner, files, saved: Date.now(), visit}));
    await navigator.serviceWorker.register("/sw.js");
    const shelf = await caches.open("offline");
    const wanted = files.split(" ");
    await shelf.addAll(wanted); // before the old ones go: at any moment there is a whole set
    for (const one of await shelf.keys()) if (!wanted.includes(new URL(one.url).pathname)) await shelf.delete(one);
  }

  if (!isFresh()) keep().catch(() => {}); // without a network, or where storage is forbidden: then there is no copy
})();
