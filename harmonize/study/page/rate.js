// One question after another. The next pictures are loaded and decoded before they are needed; an answer shows the next
// question at once and is sent behind it, again and again until the server has saved it.
import { Outbox } from "/page/outbox.js";

const AHEAD = 4;
const BLINK = 150; // milliseconds: a key that is held down, or a double tap, is one answer

const $ = (id) => document.getElementById(id);
const sides = { left: $("left"), right: $("right") };
const base = location.pathname.replace(/\/$/, "");
const outbox = new Outbox(`${base}/votes`, say);

let trials = [];
let answers = {};
let ties = false;
let current = 0;
let shownAt = 0;
const loaded = new Map(); // URL -> promise of a decoded picture

function load(url) {
  if (!loaded.has(url)) {
    const image = new Image();
    image.src = url;
    loaded.set(url, image.decode().then(() => image).catch((error) => {
      loaded.delete(url);
      throw error;
    }));
  }
  return loaded.get(url);
}

function loadAhead() {
  const wanted = new Set();
  for (const trial of trials.slice(Math.max(current - 1, 0), current + AHEAD + 1)) {
    for (const url of [trial.left, trial.right, trial.outline]) {
      wanted.add(url);
    }
  }
  for (const url of loaded.keys()) {
    if (!wanted.has(url)) loaded.delete(url);
  }
  for (const url of wanted) load(url).catch(() => {}); // shown when its question comes
}

async function show(number) {
  current = number;
  shownAt = 0;
  $("bar").max = trials.length;
  $("bar").value = Object.keys(answers).length;
  $("count").textContent = `${Math.min(current + 1, trials.length)} of ${trials.length}`;
  $("back").disabled = current === 0;
  outlined(false);
  if (current >= trials.length) {
    $("pair").hidden = true;
    $("tie").hidden = true;
    finish();
    return;
  }
  const trial = trials[current];
  try {
    await Promise.all([load(trial.left), load(trial.right)]);
  } catch {
    $("pair").hidden = true;
    say("A picture could not be loaded. Trying again.");
    setTimeout(() => current === number && show(number), 2000);
    return;
  }
  if (current !== number) return;
  for (const [side, button] of Object.entries(sides)) {
    const [picture, outline] = button.querySelectorAll("img");
    picture.src = trial[side];
    outline.src = trial.outline;
    button.classList.toggle("before", answers[current] === side);
  }
  $("pair").hidden = false;
  $("tie").hidden = !ties;
  $("tie").classList.toggle("before", answers[current] === "tie");
  if (!outbox.failing) say("");
  requestAnimationFrame(() => { shownAt = performance.now(); });
  loadAhead();
}

async function finish() {
  say(outbox.empty ? "" : "Saving your last answers …");
  await outbox.emptied();
  if (current >= trials.length) say("That was the last question. Thank you! You may close this page.");
}

function answer(choice) {
  if (!shownAt || performance.now() - shownAt < BLINK || (choice === "tie" && !ties)) return;
  outbox.add({ trial: current, choice, seconds: (performance.now() - shownAt) / 1000 });
  answers[current] = choice;
  show(current + 1);
}

function back() {
  if (current > 0) show(current - 1);
}

function outlined(on) {
  document.body.classList.toggle("outlined", on);
}

function say(text) {
  $("message").textContent = text;
}

for (const [side, button] of Object.entries(sides)) {
  button.addEventListener("click", () => { button.blur(); answer(side); });
}
$("tie").addEventListener("click", () => answer("tie"));
$("back").addEventListener("click", back);
for (const [start, end] of [["pointerdown", "pointerup"], ["pointerdown", "pointerleave"], ["pointerdown", "pointercancel"]]) {
  $("outline").addEventListener(start, () => outlined(true));
  $("outline").addEventListener(end, () => outlined(false));
}
$("outline").addEventListener("contextmenu", (event) => event.preventDefault());
const keys = { ArrowLeft: () => answer("left"), ArrowRight: () => answer("right"), "=": () => answer("tie"), Backspace: back, m: () => outlined(true) };
addEventListener("keydown", (event) => {
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});
addEventListener("keyup", (event) => event.key.toLowerCase() === "m" && outlined(false));
addEventListener("blur", () => outlined(false));
addEventListener("beforeunload", (event) => outbox.empty || event.preventDefault());

async function begin() {
  const response = await fetch(`${base}/trials`);
  if (!response.ok) throw new Error(await response.text());
  ({ trials, answers, ties } = await response.json());
  for (const vote of outbox.waiting) answers[vote.trial] = vote.choice; // a page that was closed before it was saved
  const first = trials.findIndex((_, number) => !(number in answers));
  show(first < 0 ? trials.length : first);
}

begin().catch((error) => say(`The study could not be opened: ${error.message}`));
