// Keeps the page as the emulator's records are: each block that changed is replaced, in place, as a reader has it.
"use strict";

const state = document.getElementById("state");
const hold = document.getElementById("hold");
const held = [];

document.getElementById("refused").addEventListener("change", (event) => {
  document.querySelector('[data-region="entries"]').classList.toggle("refused-only", event.target.checked);
});
hold.addEventListener("change", () => {
  if (!hold.checked) held.splice(0).forEach(apply);
});

// What is escaped by the server becomes elements; the policy of this page lets no script stand in it.
function elementOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

// The reader's open folds and the place of the keyboard are the reader's, whatever is replaced around them.
function replace(old, fresh) {
  for (const fold of [fresh, ...fresh.querySelectorAll("details")]) {
    const before = fold.id && document.getElementById(fold.id);
    if (before && before.open) fold.open = true;
  }
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const nth = focused && [...old.querySelectorAll("a, summary, pre")].indexOf(focused);
  const scrolled = [...old.querySelectorAll("pre")].map((each) => each.scrollTop);
  old.replaceWith(fresh);
  fresh.querySelectorAll("pre").forEach((each, at) => { each.scrollTop = scrolled[at] || 0; });
  if (focused) [...fresh.querySelectorAll("a, summary, pre")][nth]?.focus({ preventScroll: true });
}

function apply(change) {
  const region = document.querySelector(`[data-region="${change.region}"]`);
  for (const [id, html] of Object.entries(change.blocks)) {
    const old = document.getElementById(id);
    const fresh = elementOf(html);
    if (!old) region.append(fresh);
    else if (old.outerHTML !== fresh.outerHTML) replace(old, fresh);
  }
  const wanted = new Set(change.order);
  for (const each of [...region.children]) if (!wanted.has(each.id)) each.remove();
  change.order.forEach((id, at) => {
    const each = document.getElementById(id);
    if (each && region.children[at] !== each) region.insertBefore(each, region.children[at] || null);
  });
}

function say(words, live) {
  if (state.textContent !== words) state.textContent = words;
  state.classList.toggle("live", live);
}

function openTarget() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") {
    target.open = true;
    target.querySelector("summary").focus();
  }
}
addEventListener("hashchange", openTarget);
openTarget();

const source = new EventSource("events");
source.addEventListener("change", (event) => {
  const change = JSON.parse(event.data);
  if (hold.checked && change.region === "entries") held.push(change);
  else apply(change);
});
source.addEventListener("alive", () => say("live", true));
source.addEventListener("error", () => {
  say(source.readyState === EventSource.CLOSED
    ? "the emulator has stopped, or this page needs a new link: symbolon emulator up --ui"
    : "not connected; trying again", false);
});
