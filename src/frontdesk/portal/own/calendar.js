// The calendar of a clinic's day. Its times are those of the clinic's clocks: they come and go without an offset, and the
// calendar counts them as if they were UTC, so that no clock of this computer changes in between.
(() => {
  const place = document.getElementById("calendar");
  if (!place || typeof EventCalendar === "undefined") return;
  const said = document.getElementById("moved");
  const reader = navigator.languages.find((tag) => tag.split("-")[0] === document.documentElement.lang) || document.documentElement.lang;
  let held = false;  // a pointer is down on the calendar, or a move is on its way: what is shown must not change meanwhile
  let sending = false;
  let again = false;
  let latest = 0;  // reads, of which only the last counts
  let shown = "";

  const calendar = EventCalendar.create(place, {
    view: "resourceTimeGridDay",
    date: place.dataset.on,
    timeZone: "UTC",
    locale: reader,
    headerToolbar: {start: "", center: "", end: ""},
    allDaySlot: false,
    slotMinTime: "07:00",
    slotMaxTime: "20:00",
    flexibleSlotTimeLimits: true,
    slotDuration: "00:15",
    slotLabelInterval: "01:00",
    slotHeight: 22,
    snapDuration: "00:05",
    resources: [],
    events: [],
    eventStartEditable: true,
    eventDurationEditable: true,
    eventClick: (info) => { location.href = `/desk/visits/${info.event.id}`; },
    eventDrop: drop,
    eventResize: resize,
    eventDidMount: tell,
  });

  // The calendar calls itself a table, and holds what no table may. To those who listen it is a group of buttons instead, each
  // of which says whose column it is in.
  const parts = ["table", "row", "rowgroup", "columnheader", "rowheader", "cell"].map((role) => `[role=${role}]`).join();
  const counts = ["aria-colindex", "aria-rowindex", "aria-colcount", "aria-rowcount"];
  function plain() {
    place.querySelectorAll(parts).forEach((part) => part.removeAttribute("role"));
    for (const one of counts) place.querySelectorAll(`[${one}]`).forEach((part) => part.removeAttribute(one));
  }
  new MutationObserver(plain).observe(place, {childList: true, subtree: true});
  plain();

  // Its name is what stands in it: time and patient. Where there is no room for all of it, a mouse is told.
  function tell({el, event, timeText}) {
    el.title = `${timeText} · ${event.title}`;
    el.setAttribute("aria-description", event.extendedProps.provider);
  }

  function drop({event, delta, newResource, revert}) {
    // From what the server said and how far it was dragged: a Date has the clocks of this computer in it.
    const start = new Date(Date.parse(event.extendedProps.start + "Z") + seconds(delta) * 1000);
    const provider = newResource ? newResource.id : event.resourceIds[0];
    send(event, {provider, local: start.toISOString().slice(0, 16)}, revert);
  }

  function resize({event, endDelta, revert}) {
    const {at, minutes} = event.extendedProps;
    send(event, {provider: event.resourceIds[0], start: at, minutes: Math.max(5, minutes + seconds(endDelta) / 60)}, revert);
  }

  function seconds({days, seconds}) {
    return days * 86400 + seconds;
  }

  async function send(event, change, revert) {
    const form = new URLSearchParams({...change, version: event.extendedProps.version});
    let words = "";
    sending = true;
    place.setAttribute("aria-busy", "true");  // until its new version is read: nothing can be dragged meanwhile
    try {
      const answer = await fetch(`/desk/calendar/visits/${event.id}/move`, {method: "POST", body: form, headers: {Accept: "text/html"}});
      words = answer.ok ? await answer.text() : "";
    } catch {
      // Told below: whatever went wrong, nothing was changed as far as we know.
    }
    said.innerHTML = words;
    if (!words) said.textContent = place.dataset.failed;
    if (!words || said.querySelector(".refused")) revert();
    sending = false;
    shown = "";
    read();
  }

  async function read() {
    again = held || sending;
    if (again) return;
    const mine = ++latest;
    try {
      const answer = await fetch(place.dataset.events, {headers: {Accept: "application/json"}});
      if (!answer.ok) throw new Error(answer.status);
      const text = await answer.text();
      again = held || sending;
      if (again || mine !== latest || text === shown) return;
      const {resources, events} = JSON.parse(text);
      calendar.setOption("resources", resources);
      calendar.setOption("events", events);
      shown = text;
    } catch {
      said.textContent = place.dataset.failed;
    } finally {
      if (!again && mine === latest) place.removeAttribute("aria-busy");
    }
  }

  place.addEventListener("pointerdown", () => { held = true; });
  for (const kind of ["pointerup", "pointercancel"]) {
    addEventListener(kind, () => setTimeout(() => {  // after the drop has begun
      held = false;
      if (again) read();
    }));
  }

  let soon;
  for (const kind of ["ready", "reset", "change"]) {
    document.getElementById("live").addEventListener(kind, (event) => {
      if (event.target !== event.currentTarget) return;
      clearTimeout(soon);
      soon = setTimeout(read, 150);
    });
  }
  read();
})();
