// What the live page and a call's page share: the stream, the clock, patching, and the two deeds.

export const element = (id) => document.getElementById(id);

/** Put a list of items into the place of another one, touching only what differs: what is selected, focused or being read stays. */
export function patch(old, fresh) {
  const now = [...old.children], next = [...fresh.children];
  next.forEach((node, i) => {
    if (!now[i]) old.append(node);
    else if (!now[i].isEqualNode(node)) now[i].replaceWith(node);
  });
  now.slice(next.length).forEach((node) => node.remove());
}

export function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

/** The server's clock, as far as its messages have told it: seconds. */
let ahead = 0;
export const setClock = (now) => { ahead = now - performance.now() / 1000; };
export const serverNow = () => performance.now() / 1000 + ahead;

export function length(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60, s = String(whole % 60).padStart(2, "0");
  return h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

/** Follow the stream of what changes; the browser comes back by itself when it breaks. */
export function follow(watched, take) {
  const status = element("status");
  const say = (text, kind) => { if (status.textContent !== text) { status.textContent = text; status.className = `status ${kind}`; } };
  const stream = new EventSource(`/dashboard/stream${watched ? `?watch=${encodeURIComponent(watched)}` : ""}`);
  stream.addEventListener("message", (event) => {
    const news = JSON.parse(event.data);
    setClock(news.now);
    say(news.draining ? "draining: no new calls" : "live", news.draining ? "off" : "on");
    take(news);
  });
  stream.addEventListener("error", () => say(stream.readyState === EventSource.CLOSED ? "not connected: reload" : "reconnecting …", "off"));
  return stream;
}

/** Ask the daemon for a deed; a page of somebody else's could not: it is JSON, and from this origin. */
async function ask(ref, deed, body) {
  const answer = await fetch(`/calls/${encodeURIComponent(ref)}/${deed}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), credentials: "same-origin",
  });
  if (answer.ok) return "";
  const told = await answer.json().catch(() => ({}));
  return told.error || `the daemon says ${answer.status}`;
}

/** Let the buttons of calls ask before they act. */
export function actOn(root) {
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (!button) return;
    const { ref, who } = button.closest("[data-actions]").dataset;
    confirmThen(button.dataset.act, ref, who, button);
  });
}

function confirmThen(deed, ref, who, button) {
  const dialog = element(`${deed}-dialog`), form = dialog.querySelector("form"), fault = dialog.querySelector(".fault");
  const to = form.elements.to;
  dialog.querySelector(".whom").textContent = who;
  fault.textContent = "";
  if (to) to.value = "";
  form.onsubmit = async (event) => {
    if (event.submitter?.value !== "yes") return;
    event.preventDefault();
    event.submitter.disabled = true;
    fault.textContent = await ask(ref, deed, to ? { to: to.value.trim() } : {}).catch(() => "the daemon does not answer");
    event.submitter.disabled = false;
    if (!fault.textContent) dialog.close("yes");
  };
  dialog.onclose = () => { if (button.isConnected) button.focus(); };
  dialog.showModal();
}
