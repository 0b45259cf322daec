// A passkey of this device signs a form. It is shown where the browser can do so, and at the address that passkeys belong to:
// anywhere else the page says why not.
(() => {
  const form = document.getElementById("passkey");
  if (!form) return;
  const told = document.getElementById("passkey-told");
  const elsewhere = location.origin !== form.dataset.origin;
  document.getElementById("passkey-elsewhere").hidden = !elsewhere;
  document.getElementById("no-passkey").hidden = elsewhere || Boolean(window.PublicKeyCredential);
  form.hidden = elsewhere || !window.PublicKeyCredential;
  if (!form.dataset.options) return;  // the next page asks

  // By hand: parseCreationOptionsFromJSON and toJSON are younger than passkeys.
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const known = (list) => list?.map((one) => ({...one, id: bytes(one.id)}));

  async function sign() {
    const asked = JSON.parse(form.dataset.options);
    const {user} = asked;
    const publicKey = {
      ...asked,
      challenge: bytes(asked.challenge),
      ...(user && {user: {...user, id: bytes(user.id)}, excludeCredentials: known(asked.excludeCredentials)}),
      ...(!user && {allowCredentials: known(asked.allowCredentials)}),
    };
    const {id, rawId, type, response} = await navigator.credentials[user ? "create" : "get"]({publicKey});
    const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"].filter((part) => response[part]);
    const signed = Object.fromEntries(parts.map((part) => [part, text(response[part])]));
    if (response.getTransports) signed.transports = response.getTransports();
    return JSON.stringify({id, rawId: text(rawId), type, response: signed});
  }

  let asking = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (asking) return;
    asking = true;
    told.textContent = "";
    try {
      form.elements.credential.value = await sign();
      form.submit();
    } catch (error) {  // cancelled, too late, or no such passkey: browsers do not tell these apart
      told.textContent = told.dataset[{NotAllowedError: "cancelled", InvalidStateError: "known"}[error.name] || "failed"];
    } finally {
      asking = false;
    }
  });
})();
