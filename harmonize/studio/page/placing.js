// A cut-out on its background: dragged, scaled by its corner, the wheel, two fingers or + and −, moved by the arrow keys.
import { makeHandle } from "/page/handle.js";

const KEY_STEP = 0.005; // of the background's width
const KEY_SCALE = 1.05;
const WHEEL = 0.0015;
const SETTLE = 250; // milliseconds without a key or a turn of the wheel until the result is asked for

export class Placing {
  #timer = 0;
  #fingers = new Map();

  // `layer`: the element over the picture; `moving` is called when a move begins, `moved` with the new placement.
  constructor(layer, { moving, moved }) {
    this.layer = layer;
    this.moving = moving;
    this.moved = moved;
    this.box = document.createElement("div");
    this.box.className = "cutout";
    this.box.hidden = true;
    this.box.setAttribute("role", "group");
    this.box.setAttribute("aria-label", "Cut-out: arrow keys move it, plus and minus scale it");
    this.canvas = document.createElement("canvas");
    this.corner = document.createElement("div");
    this.corner.className = "corner";
    this.corner.setAttribute("aria-label", "Size of the cut-out");
    this.corner.setAttribute("role", "slider");
    this.box.append(this.canvas, this.corner);
    layer.append(this.box);
    this.#listen();
  }

  // `picture`: ImageData of the cut-out; sizes are those at full size.
  show(picture, cutout, photo, placement) {
    Object.assign(this.canvas, { width: picture.width, height: picture.height });
    this.canvas.getContext("2d").putImageData(picture, 0, 0);
    Object.assign(this, { cutout, photo });
    this.place(placement);
    this.box.hidden = false;
  }

  hide() {
    this.box.hidden = true;
  }

  place(placement) {
    this.placement = { ...placement };
    const { x, y, scale } = placement;
    const percent = (value, whole) => `${(100 * value) / whole}%`;
    Object.assign(this.box.style, {
      left: percent(x, this.photo.width),
      top: percent(y, this.photo.height),
      width: percent(scale * this.cutout.width, this.photo.width),
      height: percent(scale * this.cutout.height, this.photo.height),
    });
    this.corner.setAttribute("aria-valuenow", Math.round(100 * scale));
    this.corner.setAttribute("aria-valuetext", `${Math.round(100 * scale)} %`);
  }

  #listen() {
    makeHandle(this.box, {
      drag: (right, down) => this.#fingers.size < 2 && this.#move(right * this.#unit, down * this.#unit),
      step: (right, up) => this.#move(right * KEY_STEP * this.photo.width, -up * KEY_STEP * this.photo.width),
      end: () => this.#settle(SETTLE),
    });
    makeHandle(this.corner, {
      drag: (right, down) => this.#scale(1 + (right + down) / (this.box.offsetWidth + this.box.offsetHeight), 0, 0),
      step: (right, up) => this.#scale(KEY_SCALE ** (right + up)),
      end: () => this.#settle(SETTLE),
    });
    this.box.addEventListener("keydown", (event) => {
      const factor = { "+": KEY_SCALE, "=": KEY_SCALE, "-": 1 / KEY_SCALE }[event.key];
      if (!factor || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.#scale(factor);
      this.#settle(SETTLE);
    });
    this.box.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#scale(Math.exp(-event.deltaY * WHEEL));
      this.#settle(SETTLE);
    }, { passive: false });
    this.#listenToFingers();
  }

  #listenToFingers() {
    const distance = () => {
      const [a, b] = [...this.#fingers.values()];
      return Math.hypot(a.x - b.x, a.y - b.y);
    };
    this.box.addEventListener("pointerdown", (event) => this.#fingers.set(event.pointerId, event), true);
    this.box.addEventListener("pointermove", (event) => {
      if (!this.#fingers.has(event.pointerId)) return;
      const before = this.#fingers.size === 2 ? distance() : 0;
      this.#fingers.set(event.pointerId, event);
      if (before) this.#scale(distance() / before);
    }, true);
    for (const name of ["pointerup", "pointercancel"]) {
      addEventListener(name, (event) => this.#fingers.delete(event.pointerId), true);
    }
  }

  // Pixels of the background at full size for one of the screen.
  get #unit() {
    return this.photo.width / this.layer.clientWidth;
  }

  #move(right, down) {
    this.#begin();
    this.place({ ...this.placement, x: this.placement.x + right, y: this.placement.y + down });
  }

  // Scales around a point of the cut-out, its middle unless told otherwise.
  #scale(factor, across = 0.5, down = 0.5) {
    this.#begin();
    const { x, y, scale } = this.placement;
    const next = Math.min(Math.max(scale * factor, 8 / this.cutout.width), (3 * this.photo.width) / this.cutout.width);
    this.place({ scale: next, x: x + across * (scale - next) * this.cutout.width, y: y + down * (scale - next) * this.cutout.height });
  }

  #begin() {
    clearTimeout(this.#timer);
    if (!this.box.classList.contains("moving")) this.moving();
    this.box.classList.add("moving");
  }

  #settle(wait) {
    if (!this.box.classList.contains("moving")) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const { x, y, scale } = this.placement;
      this.moved({ x: Math.round(x), y: Math.round(y), scale });
    }, wait);
  }

  // The result is there: the picture shows the cut-out, the box only its place.
  rest() {
    this.box.classList.remove("moving");
  }
}
