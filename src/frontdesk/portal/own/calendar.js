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
    columnWidth: "minmax(11rem, 1fr)",
    snapDuration: "00:05",
    resources: [],
    events: [],
    eventStartEditable: true,
    eventDurationEditable: true,
    eventClick: (info) => { location.href = `/desk/visits/${info.event.id}`; },
    eventDrop: drop,
    eventResize: resize,
    eventContent: content,
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

  // What scrolls takes the keys that scroll.
  const box = place.querySelector(".ec-main");
  for (const one of ["role", "tabindex", "aria-label"]) {
    box.setAttribute(one, place.getAttribute(one));
    place.removeAttribute(one);
  }

  // A browser lets a visit be that is in view in part.
  place.addEventListener("focusin", ({target}) => {
    if (target.matches(".ec-event:focus-visible")) target.scrollIntoView({block: "nearest", inline: "nearest"});
  });

  // Its name is what stands in it: time and patient. Where there is no room for all of it, a mouse is told.
  function tell({el, event, timeText}) {
    const {provider} = event.extendedProps;
    el.title = event.display === "background" ? event.title : `${brief(event) ? times(event) : timeText} · ${event.title}`;
    if (provider) el.setAttribute("aria-description", provider);
  }

  // A brief visit is drawn longer than it is, and a background would say nothing.
  function content({event}) {
    if (event.display === "background") return {domNodes: [words("span", event.title)]};
    if (!brief(event) || event.display !== "auto") return undefined;
    const time = words("time", times(event)), title = words("h4", event.title);
    time.className = "ec-event-time";
    title.className = "ec-event-title";
    return {domNodes: [time, title]};
  }

  function brief({extendedProps: {minutes, drawn}}) {
    return minutes < drawn;
  }

  function words(tag, said) {
    return Object.assign(document.createElement(tag), {textContent: said});
  }

  const clock = new Intl.DateTimeFormat(reader, {timeStyle: "short", timeZone: "UTC"});
  function times({extendedProps: {start, end}}) {
    return [start, end].map((local) => clock.format(Date.parse(local + "Z"))).join("–");
  }

  function named(away) {
    const {closed, reason, whole} = away.extendedProps;
    const what = closed ? (reason ? place.dataset.closedFor.replace("{reason}", () => reason) : place.dataset.closed) : place.dataset.away;
    return {...away, title: `${what}, ${whole ? place.dataset.whole : times(away)}`, display: "background", classNames: ["is-away"]};
  }

  // The same in words: in the columns visits may stand before it, and no key leads there.
  function list(aways, resources) {
    document.getElementById("away").replaceChildren(...aways.map(({title, resourceIds, extendedProps}) => {
      const whose = resources.find(({id}) => id === resourceIds[0]);
      return words("li", extendedProps.closed ? title : `${whose.title}: ${title}`);
    }));
  }

  function drop({event, delta, newResource, revert}) {
    // From what the server said and how far it was dragged: a Date has the clocks of this computer in it.
    const start = new Date(Date.parse(event.extendedProps.start + "Z") + seconds(delta) * 1000);
    const provider = newResource ? newResource.id : event.resourceIds[0];
    send(event, {provider, local: start.toISOString().slice(0, 16)}, revert);
  }

  function resize({event, endDelta, revert}) {
    const {at, drawn} = event.extendedProps;
    send(event, {provider: event.resourceIds[0], start: at, minutes: Math.max(5, drawn + seconds(endDelta) / 60)}, revert);
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
      if (answer.redirected) {  // to the log-in
        revert();
        return location.reload();
      }
      words = answer.ok ? await answer.text() : "";
    } catch {
      // Told below: whatever went wrong, nothing was changed as far as we know.
    }
    said.innerHTML = words;
    if (!words) said.textContent = place.dataset.unmoved;
    if (!words || said.querySelector(".refused")) revert();
    sending = false;
    shown = "";
    read(words ? "" : place.dataset.unmoved);
  }

  // `told` matters more than that it cannot be read.
  async function read(told) {
    again = held || sending;
    if (again) return;
    const mine = ++latest;
    try {
      const answer = await fetch(place.dataset.events, {headers: {Accept: "application/json"}});
      if (answer.status === 401) return location.reload();  // to the log-in, and from there back
      if (!answer.ok) throw new Error(answer.status);
      const text = await answer.text();
      again = held || sending;
      if (again || mine !== latest || text === shown) return;
      const {resources, events, away} = JSON.parse(text);
      const aways = away.map(named);
      calendar.setOption("resources", resources);
      calendar.setOption("events", [...aways, ...events]);
      list(aways, resources);
      shown = text;
    } catch {
      said.textContent = told || place.dataset.failed;
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
