// The page: sends a text to /v1/synthesize and shows each pair as its event arrives. Texts are set as text, never as HTML.

const $ = (id) => document.getElementById(id);
const example = `The Antikythera mechanism is a hand-powered model of the Solar System from ancient Greece. Divers found it in 1901 in a shipwreck off the island of Antikythera. Its bronze gears predicted eclipses and the positions of the planets decades in advance. No machine of like complexity is known from the thousand years that followed.`;

// What each score means, how it is written, and how much of its bar is filled: 1 is best.
const scores = {
  logprob: ["Confidence", "mean log-probability of the response, given text and question", (v) => v.toFixed(2), (v) => Math.exp(v)],
  gain: ["Grounding", "how much the text adds to that", (v) => (v >= 0 ? "+" : "") + v.toFixed(2), (v) => 1 / (1 + Math.exp(-v))],
  agreement: ["Agreement", "token F1 with a second answer", (v) => v.toFixed(2), (v) => v],
  repetition: ["Variety", "share of word triples that are not repeated", (v) => (1 - v).toFixed(2), (v) => 1 - v],
  options_valid: ["Valid option", "the response is one of the options", (v) => (v ? "yes" : "no"), (v) => v],
  tokens: ["Tokens", "of the response", (v) => String(v), null],
};

let running = null;

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").className = bad ? "bad" : "quiet";
}

function score(name, value) {
  const [label, title, write, fill] = scores[name] ?? [name, "", (v) => v.toPrecision(3), null];
  const box = document.createElement("div");
  const dt = document.createElement("dt");
  const dd = document.createElement("dd");
  box.title = title;
  box.dataset.score = name;
  dt.textContent = label;
  dd.textContent = write(value);
  box.append(dt, dd);
  if (fill) {
    const meter = document.createElement("meter");
    meter.value = Math.max(0, Math.min(1, fill(value)));
    meter.low = 0.33;
    meter.high = 0.66;
    meter.optimum = 1;
    box.append(meter);
  }
  return box;
}

function show(event) {
  const { pair } = event;
  const card = $("card").content.firstElementChild.cloneNode(true);
  card.querySelector(".question").textContent = pair.instruction;
  const options = card.querySelector(".options");
  for (const o of pair.options ?? []) options.append(Object.assign(document.createElement("li"), { textContent: o }));
  card.querySelector(".thought").textContent = pair.thought ?? "";
  card.querySelector(".response").textContent = pair.response;
  const list = card.querySelector(".scores");
  for (const name of Object.keys(scores)) if (name in (pair.scores ?? {})) list.append(score(name, pair.scores[name]));
  $("pairs").append(card);
}

// lines yields the events of a stream: {name, data}.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      const fields = Object.fromEntries(rest.slice(0, end).split("\n").map((l) => [l.slice(0, l.indexOf(":")), l.slice(l.indexOf(":") + 2)]));
      rest = rest.slice(end + 2);
      yield { name: fields.event ?? "message", data: fields.data };
    }
  }
}

async function run() {
  running = new AbortController();
  const began = performance.now();
  let pairs = 0;
  let done = null;
  $("pairs").replaceChildren();
  $("go").disabled = true;
  $("stop").hidden = false;
  say("Reading the text…");
  try {
    const answer = await fetch("/v1/synthesize", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      signal: running.signal,
      body: JSON.stringify({
        text: $("text").value,
        stream: true,
        max_new_tokens: Number($("max").value),
        temperature: Number($("temperature").value),
        seed: Number($("seed").value),
      }),
    });
    if (!answer.ok) throw new Error((await answer.json()).error.message);
    for await (const { name, data } of events(answer.body)) {
      if (data === "[DONE]") break;
      const value = JSON.parse(data);
      if (value.error) throw new Error(value.error.message);
      if (name === "done") done = value;
      if (name !== "pair") continue;
      show(value);
      pairs++;
      say(`${pairs} ${pairs === 1 ? "pair" : "pairs"}…`);
    }
    if (!done) throw new Error("the server closed the stream before its end");
    const seconds = (performance.now() - began) / 1000;
    const dropped = Object.entries(done.report.dropped ?? {}).map(([why, n]) => `${n} ${why}`).join(", ");
    say(`${pairs} ${pairs === 1 ? "pair" : "pairs"}, ${done.usage.prompt_tokens} tokens read, ${done.usage.completion_tokens} written in ${seconds.toFixed(1)} s` +
      (dropped ? ` · dropped: ${dropped}` : ""));
  } catch (e) {
    if (e.name === "AbortError") say(`Stopped after ${pairs} ${pairs === 1 ? "pair" : "pairs"}.`);
    else say(e.message, true);
  } finally {
    running = null;
    $("go").disabled = false;
    $("stop").hidden = true;
  }
}

$("form").addEventListener("submit", (e) => {
  e.preventDefault();
  if (!running) run();
});
$("stop").addEventListener("click", () => running?.abort());
$("example").addEventListener("click", () => {
  $("text").value = example;
});
$("text").addEventListener("keydown", (e) => {
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) $("form").requestSubmit();
});

const models = await (await fetch("/v1/models")).json();
const [model] = models.data;
$("model").textContent = `${model.id} · window ${model.max_model_len} tokens`;
$("max").max = model.max_model_len - 16;
$("max").value = Math.min(400, Math.floor(model.max_model_len / 2));
