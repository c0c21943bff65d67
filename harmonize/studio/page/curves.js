// The three curves, with handles that a pointer or the arrow keys move. A handle moves the knots near it, smoothly.
import { makeHandle } from "/page/handle.js";
import { table } from "/page/render.js";
import { spread } from "/page/spread.js";

const HANDLES = 7;
const SIDE = 256;
const STEP = 0.01;
const SVG = "http://www.w3.org/2000/svg";
const NAMES = ["red", "green", "blue"];

export class Curves {
  #base = null;
  #channel = "all";

  // `svg`: where they are shown; `changed` is called while a handle moves.
  constructor(svg, changed) {
    this.svg = svg;
    this.changed = changed;
    this.lines = NAMES.map((name) => this.#add("polyline", { class: `curve ${name}` }));
    this.handles = Array.from({ length: HANDLES }, (_, index) => this.#addHandle(index));
    this.reset();
  }

  // Curves of the network, [3][K]; what was moved by hand stays moved.
  setBase(curves) {
    this.#base = curves;
    this.svg.removeAttribute("hidden");
    this.#draw();
  }

  setChannel(channel) {
    this.#channel = channel;
    this.#draw();
  }

  reset() {
    this.moves = NAMES.map(() => new Array(HANDLES).fill(0));
    this.#draw();
  }

  get isMoved() {
    return this.moves.flat().some((move) => move !== 0);
  }

  // The curves as they are now, [3][K].
  get values() {
    return this.#base.map((knots, channel) => {
      const places = knots.map((_, knot) => ((knot + 0.5) / knots.length) * (HANDLES - 1));
      const moved = spread(this.moves[channel], places);
      return knots.map((height, knot) => height + moved[knot]);
    });
  }

  get #channels() {
    return this.#channel === "all" ? [0, 1, 2] : [NAMES.indexOf(this.#channel)];
  }

  #move(index, by) {
    for (const channel of this.#channels) this.moves[channel][index] = Math.min(Math.max(this.moves[channel][index] + by, -1), 1);
    this.#draw();
    this.changed();
  }

  #draw() {
    if (!this.#base) return;
    const heights = this.values.map(table);
    heights.forEach((line, channel) => {
      this.lines[channel].setAttribute("points", Array.from(line, (y, x) => `${x},${SIDE - clamp(y)}`).join(" "));
      this.lines[channel].classList.toggle("faint", !this.#channels.includes(channel));
    });
    this.handles.forEach((handle, index) => {
      const level = Math.round((255 * index) / (HANDLES - 1));
      const height = this.#channels.reduce((sum, channel) => sum + heights[channel][level], 0) / this.#channels.length;
      handle.setAttribute("cx", level);
      handle.setAttribute("cy", SIDE - clamp(height));
      handle.setAttribute("class", `handle ${this.#channel}`);
      handle.setAttribute("aria-valuenow", Math.round((100 * height) / 255));
      handle.setAttribute("aria-label", `${this.#channel === "all" ? "All curves" : `${this.#channel} curve`} at ${Math.round((100 * level) / 255)} %`);
    });
  }

  #addHandle(index) {
    const handle = this.#add("circle", { r: 8, role: "slider", "aria-orientation": "vertical", "aria-valuemin": 0, "aria-valuemax": 100 });
    makeHandle(handle, {
      drag: (_, down) => this.#move(index, -down / this.svg.getBoundingClientRect().height),
      step: (right, up) => this.#move(index, (right + up) * STEP),
    });
    return handle;
  }

  #add(kind, attributes) {
    const element = document.createElementNS(SVG, kind);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    this.svg.append(element);
    return element;
  }
}

function clamp(level) {
  return Math.min(Math.max(level, 0), 255);
}
