"use strict";
// Samples come as JSON and are put on the page as text nodes, twenty at a time: no text of a corpus is ever markup.
const samples = JSON.parse(document.getElementById("samples").textContent);
const list = document.getElementById("list");
const status = document.getElementById("status");
const kind = document.getElementById("kind");
const query = document.getElementById("query");
const step = 20;
let shown = [];
let upto = 0;

function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

function card(s) {
  const box = element("article", "card read");
  const head = element("div", "head");
  head.append(element("h3", "", s.id || "(no id)"));
  const about = [s.source, s.kinds.join(", "), s.pairs + (s.pairs === 1 ? " pair" : " pairs"), s.layout && "layout " + s.layout, s.cut && "cut here"];
  head.append(element("span", "soft small", about.filter(Boolean).join(" · ")));
  box.append(head);
  const sides = element("div", s.pieces ? "sides" : "");
  const raw = element("div", "raw");
  for (const text of s.texts) raw.append(element("p", "", text));
  sides.append(raw);
  if (s.pieces) {
    const out = element("p", "rendered");
    for (const piece of s.pieces) out.append(piece.p ? element("mark", piece.p, piece.s) : document.createTextNode(piece.s));
    sides.append(out);
  }
  box.append(sides);
  if (s.scores) {
    const more = element("details", "soft small");
    more.append(element("summary", "", "scores"));
    for (const line of s.scores) more.append(element("div", "", line));
    box.append(more);
  }
  return box;
}

function matches(s, wanted, word) {
  if (wanted && !s.kinds.includes(wanted)) return false;
  if (!word) return true;
  const has = (text) => text.toLowerCase().includes(word);
  return has(s.id) || s.texts.some(has) || (s.pieces || []).some((p) => has(p.s));
}

function more() {
  const batch = document.createDocumentFragment();
  for (const s of shown.slice(upto, upto + step)) batch.append(card(s));
  upto = Math.min(upto + step, shown.length);
  list.append(batch);
  status.textContent = shown.length + " of " + samples.length + " samples, " + upto + " shown";
}

function filter() {
  const word = query.value.trim().toLowerCase();
  shown = samples.filter((s) => matches(s, kind.value, word));
  upto = 0;
  list.replaceChildren();
  more();
}

kind.addEventListener("change", filter);
query.addEventListener("input", filter);
new IntersectionObserver((seen) => { if (seen[0].isIntersecting && upto < shown.length) more(); }, { rootMargin: "800px" }).observe(document.getElementById("end"));
filter();
