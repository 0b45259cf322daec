// Lets this browser show messages: asks the reader, then the browser's push service, and tells us by the form.
(() => {
  const form = document.getElementById("push");
  const told = document.getElementById("push-told");
  if (!form || !window.PushManager || !window.Notification) return;
  form.hidden = false;
  document.getElementById("no-push").hidden = true;

  async function subscribe() {
    if (await Notification.requestPermission() !== "granted") return told.dataset.refused;
    const worker = await navigator.serviceWorker.register("/sw.js");
    await navigator.serviceWorker.ready;
    const wish = {userVisibleOnly: true, applicationServerKey: form.dataset.key};
    const {endpoint, keys} = (await worker.pushManager.subscribe(wish)).toJSON();
    for (const [name, value] of Object.entries({endpoint, ...keys})) form.elements[name].value = value;
    form.submit();
    return "";
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    told.textContent = await subscribe().catch(() => told.dataset.failed);
  });
})();
