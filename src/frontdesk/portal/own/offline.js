// Writes the visit that this device knows into the page that is shown without a network.
(() => {
  const kept = JSON.parse(localStorage.getItem("next-visit"));
  const visit = kept && kept.visit;
  if (!visit || new Date(visit.until) < new Date()) return;
  for (const place of document.querySelectorAll("[data-said]")) place.textContent = visit[place.dataset.said] || "";
  const phone = document.querySelector("[data-call]");
  if (visit.call) phone.href = visit.call;
  const saved = {dateStyle: "medium", timeStyle: "short"};
  document.querySelector("[data-saved]").textContent =
    new Intl.DateTimeFormat(document.documentElement.lang, saved).format(kept.saved);
  document.getElementById("visit").hidden = false;
})();
