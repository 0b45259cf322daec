// Counts down what is kept. Everything works without this file: the page says until when.
(() => {
  const page = document.documentElement.lang;
  const figures = new Intl.NumberFormat(page, {minimumIntegerDigits: 2, numberingSystem: "latn"});

  function count(place) {
    const left = place.querySelector("[role=timer]");
    const over = new Date(place.dataset.until).getTime();
    const tick = setInterval(show, 1000);
    function show() {
      const seconds = Math.ceil((over - Date.now()) / 1000);
      if (seconds > 0) {
        const time = Math.floor(seconds / 60) + ":" + figures.format(seconds % 60);
        left.textContent = place.dataset.left.replace("{time}", time);
        return;
      }
      clearInterval(tick);
      const again = document.createElement("a");
      again.href = place.dataset.path;
      again.textContent = place.dataset.again;
      place.setAttribute("role", "alert");
      place.replaceChildren(place.dataset.over + " ", again);
    }
    show();
  }

  document.querySelectorAll("[data-until]").forEach(count);
})();
