// The live page: rows that come, change and go; one call's panel beside them.

import { actOn, element, follow, fragment, length, patch, serverNow } from "./common.js";

const STRIP_S = 60, TICK_MS = 500, LINGER_MS = 5000;
const calls = element("calls"), nothing = element("nothing"), filter = element("filter");
const panel = element("panel"), panelContent = element("panel-content"), stage = panel.parentElement;
let watched = "", stream;

const rowOf = (ref) => calls.querySelector(`:scope > [data-ref="${CSS.escape(ref)}"]`);

function newRow(ref, html) {
  const row = element("row").content.firstElementChild.cloneNode(true), actions = row.querySelector("[data-actions]");
  row.prepend(fragment(html));
  const [from, to] = [...row.querySelectorAll(".party")].map((party) => party.textContent);
  row.dataset.ref = actions.dataset.ref = ref;
  actions.dataset.who = `${from} → ${to}`;
  for (const button of actions.querySelectorAll("button")) button.setAttribute("aria-label", `${button.textContent} ${from}`);
  calls.append(row);
  return row;
}

function takeRow(ref, html) {
  const row = rowOf(ref);
  if (!row) {
    if (!html) return;
    return settle(newRow(ref, html));
  }
  if (html) {
    renew(row.querySelector(":scope > .live-part"), fragment(html).querySelector(".live-part"));
    settle(row);
    if ("ended" in row.querySelector(".live-part").dataset) end(row);
  } else if (!row.classList.contains("ended")) {
    const badge = row.querySelector(".badge");
    badge.textContent = "ended";
    badge.className = "badge tone-plain";
    end(row);
  }
}

/** Only what differs is touched: a link that is focused, or just being clicked on, stays. */
function renew(part, fresh) {
  for (const name of Object.keys(part.dataset)) delete part.dataset[name];
  Object.assign(part.dataset, fresh.dataset);
  patch(part, fresh);
}

function end(row) {
  row.classList.add("ended");
  row.querySelectorAll("button").forEach((button) => { button.disabled = true; });
  setTimeout(() => leave(row), LINGER_MS);
}

function leave(row) {
  if (row.matches(":hover, :focus-within")) return setTimeout(() => leave(row), 1000);
  row.remove();
  nothing.hidden = calls.childElementCount > 0;
}

function settle(row) {
  const part = row.querySelector(":scope > .live-part");
  row.querySelector('[data-act="transfer"]').disabled = !("transferable" in part.dataset);
  row.classList.toggle("selected", row.dataset.ref === watched);
  sift(row);
  tick(row);
}

/** Move a row on to the present: its age, and its strip of talk. */
function tick(row) {
  if (row.classList.contains("ended")) return;
  const part = row.querySelector(":scope > .live-part"), age = serverNow() - part.dataset.began;
  const shown = length(age), field = part.querySelector("[data-age]");
  if (field.textContent !== shown) field.textContent = shown;
  part.querySelector(".strip").setAttribute("viewBox", `${(age - STRIP_S).toFixed(2)} 0 ${STRIP_S} 14`);
}

function sift(row) {
  const wanted = filter.value.trim().toLowerCase();
  row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
}

const toEnd = (body) => { body.scrollTop = body.scrollHeight; };

function takePanel({ html }) {
  const fresh = fragment(html), body = panelContent.querySelector(".panel-body"), turns = body?.querySelector(".turns");
  if (!turns || !fresh.querySelector(".turns")) {
    panelContent.replaceChildren(fresh);
    toEnd(panelContent.querySelector(".panel-body"));
  } else {
    const atEnd = body.scrollHeight - body.scrollTop - body.clientHeight < 80;
    patch(panelContent.querySelector(".panel-head"), fresh.querySelector(".panel-head"));
    patch(turns, fresh.querySelector(".turns"));
    body.querySelector(".nothing")?.remove();
    if (atEnd) toEnd(body);
  }
}

function take(news) {
  if (news.whole) for (const row of [...calls.children]) if (!(row.dataset.ref in news.rows)) takeRow(row.dataset.ref, null);
  for (const [ref, html] of Object.entries(news.rows)) takeRow(ref, html);
  if (news.day) element("day").replaceChildren(fragment(news.day));
  if (news.panel && news.panel.ref === watched) takePanel(news.panel);
  nothing.hidden = calls.childElementCount > 0;
}

function watch(ref) {
  watched = ref;
  stream?.close();
  panelContent.replaceChildren();
  panel.hidden = !ref;
  stage.classList.toggle("with-panel", Boolean(ref));
  calls.querySelectorAll(":scope > .selected").forEach((row) => row.classList.remove("selected"));
  if (ref) rowOf(ref)?.classList.add("selected");
  history.replaceState(null, "", ref ? `#${ref}` : location.pathname);
  stream = follow(ref, take);
}

calls.addEventListener("click", (event) => {
  const link = event.target.closest("a.parties");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  watch(link.closest(".call").dataset.ref);
});
calls.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.matches("a.parties")) return;
  const links = [...calls.querySelectorAll(".call:not([hidden]) a.parties")];
  const next = links[links.indexOf(event.target) + step];
  if (next) { event.preventDefault(); next.focus(); }
});
element("close-panel").addEventListener("click", () => { const ref = watched; watch(""); rowOf(ref)?.querySelector("a.parties").focus(); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && watched && !document.querySelector("dialog[open]")) element("close-panel").click(); });
filter.addEventListener("input", () => { for (const row of calls.children) sift(row); });
actOn(document);

setInterval(() => {
  if (document.hidden) return;
  for (const row of calls.children) if (!row.hidden) tick(row);
}, TICK_MS);
watch(/^#[0-9a-z]{16}$/.test(location.hash) ? location.hash.slice(1) : "");
