// Stands in only where there is no network. Whatever can be fetched is fetched: a free time, or somebody's page, is never
// shown from a copy. What it shows instead was put there by device.js, and is the same for everybody.
const kept = (what) => caches.match(what, {ignoreVary: true}).then((found) => found || Response.error());

self.addEventListener("fetch", (event) => {
  const asked = event.request;
  if (asked.method !== "GET") return;
  if (asked.mode === "navigate") event.respondWith(fetch(asked).catch(() => kept("/offline")));
  else if (new URL(asked.url).pathname.startsWith("/static/")) event.respondWith(fetch(asked).catch(() => kept(asked)));
});

self.addEventListener("push", (event) => {
  const {title, body, tag} = event.data.json();
  event.waitUntil(self.registration.showNotification(title, {body, tag, data: "/visits"}));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data));
});
