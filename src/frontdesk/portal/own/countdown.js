// How long something is kept: `data-until` an instant, `data-left` the words around the time. When it is over, #live says
// "over", and what listens fetches itself anew. Without this file the page says until when.
(() => {
  function left(seconds) {
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    const two = (number) => String(number).padStart(2, "0");
    return (hours ? hours + ":" + two(minutes) : minutes) + ":" + two(seconds % 60);
  }

  function tick() {
    for (const clock of document.querySelectorAll("[data-until]")) {
      const seconds = Math.max(0, Math.ceil((Date.parse(clock.dataset.until) - Date.now()) / 1000));
      const words = clock.dataset.left.replace("{time}", left(seconds));
      if (clock.textContent !== words) clock.textContent = words;
      if (seconds === 0 && !("over" in clock.dataset)) {
        clock.dataset.over = "";
        document.getElementById("live")?.dispatchEvent(new Event("over"));
      }
    }
  }

  tick();
  setInterval(tick, 500);
})();
