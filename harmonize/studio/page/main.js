// The page: files in, the picture shown, its settings turned, files out. The pieces know nothing of each other.
import { Curves } from "/page/curves.js";
import { Cutting } from "/page/cutting.js";
import { Pace } from "/page/pace.js";
import { Placing } from "/page/placing.js";
import { Renderer } from "/page/render.js";
import { Server } from "/page/server.js";
import { Shading } from "/page/shading.js";
import { Viewer } from "/page/viewer.js";

const $ = (id) => document.getElementById(id);
const ROLES = { photo: "Photo", mask: "Mask", cutout: "Cut-out" };
const UNITS = { strength: "%", shift: "px", feather: "px" };

const server = new Server();
const viewer = new Viewer();
const pace = new Pace(paint);
const curves = new Curves($("graph"), () => draw());
const shading = new Shading($("layer"), () => draw());
const placing = new Placing($("layer"), { moving: showBackground, moved: (placement) => work(() => server.place(placement)) });
const cutting = new Cutting($("layer"), (marks) => work(() => server.cut(marks)));

let scene = {};
let renderer = null;
let background = null; // ImageData of the photo below a cut-out
let latest = 0;

// --- the picture

// Shows what became of the settings, in the next frame at the latest.
function draw() {
  $("reset-curves").hidden = !curves.isMoved;
  $("reset-shading").hidden = !shading.isMoved;
  pace.draw();
}

function paint(isDraft) {
  if (!renderer) return;
  renderer.adjust(curves.values, shading.values, Number($("strength").value) / 100, isDraft);
  viewer.showResult(renderer);
}

// Asks for all that a new scene shows. Of several at once only the last one counts.
async function refresh() {
  const turn = ++latest;
  const shown = scene.photo && server.pixels(scene.ready ? "composite" : "photo").then((picture) => {
    if (turn === latest && $("frame").hidden) viewer.show(picture); // the first is shown before a network has seen it
    return picture;
  });
  const [composite, mask, change] = await Promise.all([shown, ...(scene.ready ? [server.pixels("mask", edge()), askForChange()] : [])]);
  const [cutout, below] = scene.ready && scene.cutout ? await Promise.all([server.pixels("cutout"), server.pixels("photo")]) : [];
  if (turn !== latest) return;
  background = below;
  renderer = null;
  if (composite) viewer.show(composite);
  else viewer.hide();
  if (scene.ready) {
    renderer = new Renderer(composite);
    take(change);
    takeMask(mask);
  }
  $("frame").classList.toggle("unchanged", !scene.ready);
  if (cutout) placing.show(cutout, scene.cutout, scene.photo, scene.placement);
  else placing.hide();
  placing.rest();
  cutting.show($("draw").checked && Boolean(composite), composite ?? undefined);
  draw();
}

async function askForChange() {
  const weights = $("weights").value;
  const change = await server.change(weights);
  return { ...change, changed: change.error ? await server.pixels("changed", { weights }) : null };
}

function take({ curves: heights, log_gain: logGain, changed, change, error }) {
  curves.setBase(heights);
  shading.setBase(logGain);
  renderer.setChange(heights, logGain, changed);
  $("missed").hidden = !error;
  $("missed").textContent = `Curves and shading are fitted to the network's change: of ${change.toFixed(1)} levels they miss ${error.toFixed(1)}. The picture has all of it, .cube and JSON have not.`;
  shading.show($("lights").checked);
}

function takeMask(levels) {
  renderer.setMask(levels);
  viewer.showMask(levels);
  viewer.showResult(renderer, true);
  shading.setMask(levels, renderer.composite.width, renderer.composite.height);
}

function showBackground() {
  if (!background) return;
  renderer = null;
  latest++;
  viewer.show(background);
}

// --- files

// Does something that changes the scene; shows what became of it.
async function work(ask) {
  await busy(async () => {
    scene = await ask();
    describe();
    await refresh();
  });
}

async function busy(run) {
  $("busy").hidden = false;
  try {
    await run();
  } catch (error) {
    say(error.message, true);
    placing.rest();
    if (!renderer && scene.ready) await refresh().catch(() => {});
  } finally {
    $("busy").hidden = true;
  }
}

function open(files, role = "auto") {
  say("");
  queue = queue.then(() => busy(async () => {
    const refused = [];
    for (const file of files) {
      try {
        scene = await server.put(role, file);
      } catch (error) {
        refused.push(error.message);
      }
    }
    describe();
    await refresh();
    if (refused.length) throw new Error(refused.join("; "));
  }));
}
let queue = Promise.resolve();

function pick(role) {
  $("picker").multiple = role === "auto";
  $("picker").onchange = () => {
    open([...$("picker").files], role);
    $("picker").value = "";
  };
  $("picker").click();
}

function describe() {
  $("start").hidden = Boolean(scene.photo);
  $("download").disabled = !scene.ready;
  for (const section of document.querySelectorAll("section.change")) section.hidden = !scene.ready;
  $("drawing").hidden = !scene.photo || Boolean(scene.cutout);
  $("files").replaceChildren(...Object.entries(ROLES).map(([role, title]) => fileLine(role, title)));
  if (scene.remark) say(scene.remark);
  else if (!scene.photo && scene.names && Object.keys(scene.names).length) say("Now the photo: drop the composite, or the background.");
  else if (scene.photo && !scene.ready) say("Now the foreground: drop its mask, or a cut-out to put on this photo, or draw a mask.");
  else say("");
}

function fileLine(role, title) {
  const line = document.createElement("li"), name = document.createElement("span"), choose = document.createElement("button");
  const label = document.createElement("span");
  label.textContent = title;
  name.textContent = scene.names?.[role] ?? "–";
  name.title = name.textContent;
  choose.textContent = "…";
  choose.setAttribute("aria-label", `Choose the ${title.toLowerCase()}`);
  choose.addEventListener("click", () => pick(role));
  line.append(label, name, choose);
  if (scene.names?.[role]) {
    const remove = document.createElement("button");
    remove.textContent = "×";
    remove.setAttribute("aria-label", `Remove the ${title.toLowerCase()}`);
    remove.addEventListener("click", () => work(() => server.remove(role)));
    line.append(remove);
  }
  return line;
}

function look() {
  const isTurned = curves.isMoved || shading.isMoved;
  const turned = isTurned ? { curves: curves.values, log_gain: shading.values } : {};
  return { weights: $("weights").value, strength: Number($("strength").value) / 100, ...edge(), ...turned };
}

function edge() {
  return { shift: Number($("shift").value), feather: Number($("feather").value) };
}

function download(kind) {
  if (!scene.ready) return;
  busy(async () => say(`Saved ${await server.download(kind, look())}.`));
}

function say(text, isError = false) {
  $("message").textContent = text;
  $("message").classList.toggle("error", isError);
}

// --- controls

let maskTimer = 0;

function listen() {
  for (const [id, unit] of Object.entries(UNITS)) {
    const show = () => $(id).parentElement.querySelector("output").value = `${$(id).value} ${unit}`;
    $(id).addEventListener("input", show);
    show();
  }
  $("strength").addEventListener("input", draw);
  for (const id of ["shift", "feather"]) {
    $(id).addEventListener("input", () => {
      clearTimeout(maskTimer);
      maskTimer = setTimeout(updateMask, 60);
    });
  }
  $("weights").addEventListener("change", () => busy(async () => {
    if (!scene.ready) return;
    const turn = ++latest, change = await askForChange();
    if (turn === latest && renderer) take(change);
    draw();
  }));
  for (const input of document.querySelectorAll("#views input")) input.addEventListener("change", () => viewer.setView(input.value));
  for (const input of document.querySelectorAll("#channels input")) input.addEventListener("change", () => curves.setChannel(input.value));
  for (const input of document.querySelectorAll("#tools input")) input.addEventListener("change", () => cutting.tool = input.value);
  $("overlay").addEventListener("change", () => viewer.setOverlay($("overlay").checked));
  $("actual").addEventListener("change", () => viewer.setActualSize($("actual").checked));
  $("lights").addEventListener("change", () => shading.show($("lights").checked));
  $("draw").addEventListener("change", setDrawing);
  $("undo").addEventListener("click", () => {
    const marks = cutting.undo();
    work(() => (marks ? server.cut(marks) : server.remove("mask")));
  });
  $("reset-curves").addEventListener("click", () => { curves.reset(); draw(); });
  $("reset-shading").addEventListener("click", () => { shading.reset(); draw(); });
  $("compare").addEventListener("pointerdown", () => viewer.hold(true));
  for (const id of ["open", "choose"]) $(id).addEventListener("click", () => pick("auto"));
  $("download").addEventListener("click", () => download("result"));
  for (const kind of ["result", "cube", "json"]) $(`get-${kind}`).addEventListener("click", () => download(kind));
}

async function updateMask() {
  const turn = latest;
  try {
    const levels = await server.pixels("mask", edge());
    if (turn !== latest || !renderer) return;
    takeMask(levels);
    draw();
  } catch (error) {
    say(error.message, true);
  }
}

function setDrawing() {
  const on = $("draw").checked;
  $("tools").disabled = !on;
  $("frame").classList.toggle("covered", on);
  $("overlay").checked = on;
  viewer.setOverlay(on);
  if (on && scene.photo) cutting.show(true, $("after"));
  else cutting.show(false);
}

function listenToDrops() {
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dropping"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    open([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => event.clipboardData.files.length && open([...event.clipboardData.files]));
}

function listenToKeys() {
  const view = (value) => document.querySelector(`#views [value=${value}]`).click();
  const keys = {
    h: () => viewer.hold(true), m: () => $("overlay").click(), z: () => $("actual").click(), l: () => scene.ready && $("lights").click(),
    o: () => pick("auto"), d: () => download("result"), 1: () => view("slider"), 2: () => view("side"), 3: () => view("hold"),
  };
  addEventListener("keydown", (event) => {
    const act = keys[event.key.toLowerCase()];
    if (!act || event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) return;
    event.preventDefault();
    act();
  });
  addEventListener("keyup", (event) => event.key.toLowerCase() === "h" && viewer.hold(false));
}

async function begin() {
  const about = await server.begin();
  $("weights").replaceChildren(...about.weights.map((name) => new Option(name.split(/[\\/]/).at(-1), name)));
  scene = about.scene;
  describe();
  if (scene.photo) await refresh();
}

listen();
listenToDrops();
listenToKeys();
describe();
busy(begin);
