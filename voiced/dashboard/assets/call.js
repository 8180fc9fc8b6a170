// A call's page: live, its words as they come; after it, the picture with a cursor that audio moves.

import { actOn, element, follow, fragment, length, patch, serverNow } from "./common.js";

const page = element("call"), { ref } = page.dataset;
const transcript = element("transcript");

if ("live" in page.dataset) followCall();
else showSound();

function followCall() {
  actOn(document);
  const age = page.querySelector("[data-age]");
  let timer;
  const stream = follow(ref, (news) => {
    timer ??= setInterval(() => { age.textContent = length(serverNow() - page.dataset.began); }, 500);
    if (!news.panel || news.panel.ref !== ref) return;
    const fresh = fragment(news.panel.html), turns = fresh.querySelector(".turns");
    transcript.querySelector(".nothing")?.remove();
    if (turns) patch(transcript.querySelector(".turns"), turns);
    const button = page.querySelector('[data-act="transfer"]');
    if (button) button.disabled = !news.panel.transferable;
    element("state").replaceChildren(fresh.querySelector(".badge"));
    if (news.panel.worst_s !== null) element("worst").textContent = `${news.panel.worst_s.toFixed(2)} s`;
    element("barge-ins").textContent = news.panel.barge_ins;
    if (news.panel.ended) {
      stream.close();
      clearInterval(timer);
      setTimeout(() => location.reload(), 1500);  // its record and its sound are written meanwhile
    }
  });
}

async function showSound() {
  const picture = element("picture"), audio = element("audio");
  const audioFrom = Number(page.dataset.audioFrom);
  const answer = await fetch(`/dashboard/calls/${ref}/picture`).catch(() => null);
  picture.removeAttribute("aria-busy");
  if (!answer?.ok) {
    picture.querySelector(".nothing").textContent = "The picture could not be drawn.";
  } else {
    picture.innerHTML = await answer.text();
  }
  const svg = picture.querySelector("svg.call-picture");
  if (audio) play(audio, audioFrom, picture, svg);
}

function play(audio, audioFrom, picture, svg) {
  const turns = [...transcript.querySelectorAll(".turn")];
  const reduced = matchMedia("(prefers-reduced-motion: reduce)");
  const move = svg ? makeCursor(audio, audioFrom, picture, svg, reduced) : () => {};
  const show = () => {
    const at = audio.currentTime + audioFrom;
    move(at);
    const now = turns.findLastIndex((turn) => Number(turn.dataset.at) <= at + 0.05);
    turns.forEach((turn, i) => turn.classList.toggle("now", i === now && !audio.paused));
  };
  const run = () => { show(); if (!audio.paused) requestAnimationFrame(run); };
  audio.addEventListener("play", run);
  for (const name of ["pause", "seeked", "timeupdate"]) audio.addEventListener(name, show);
  transcript.addEventListener("click", (event) => {
    const seek = event.target.closest(".seek");
    if (!seek) return;
    audio.currentTime = Math.max(0, Number(seek.dataset.at) - audioFrom);
    audio.play().catch(() => {});  // who pauses at once wants that
  });
  picture.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (event.key === " ") { event.preventDefault(); audio.paused ? audio.play().catch(() => {}) : audio.pause(); }
    if (step) { event.preventDefault(); audio.currentTime = Math.max(0, audio.currentTime + step); }
  });
}

/** Draw the cursor into the picture, which says where its time axis is; return what moves it. */
function makeCursor(audio, audioFrom, picture, svg, reduced) {
  const left = Number(svg.dataset.left), pxPerS = Number(svg.dataset.pxPerS), [, , width, height] = svg.viewBox.baseVal ? [0, 0, svg.viewBox.baseVal.width, svg.viewBox.baseVal.height] : [];
  const cursor = document.createElementNS(svg.namespaceURI, "line");
  for (const [name, value] of Object.entries({ class: "cursor", y1: svg.dataset.top, y2: height, x1: left, x2: left })) cursor.setAttribute(name, value);
  svg.append(cursor);
  picture.dataset.seekable = "";
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width * width - left) / pxPerS;
    audio.currentTime = Math.max(0, at - audioFrom);
  });
  return (at) => {
    const x = left + at * pxPerS;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    const seen = x / width * svg.getBoundingClientRect().width - picture.scrollLeft;
    if (!audio.paused && (seen < 40 || seen > picture.clientWidth - 40)) picture.scrollTo({ left: picture.scrollLeft + seen - picture.clientWidth / 3, behavior: reduced.matches ? "auto" : "smooth" });
  };
}
