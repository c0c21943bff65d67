// The picture before and after: with a border that moves, side by side, or after with before while something is held.

const $ = (id) => document.getElementById(id);
const TINT = [255, 60, 60, 130];
const GAP = 6; // pixels between the two pictures side by side

export class Viewer {
  #before = $("before").getContext("2d");
  #after = $("after").getContext("2d");
  #tint = $("tint").getContext("2d");
  #size = { width: 0, height: 0 };

  constructor() {
    this.frame = $("frame");
    this.view = "slider";
    new ResizeObserver(() => this.#fit()).observe($("stage"));
    $("split").addEventListener("input", () => this.#moveSplit());
    this.#moveSplit();
    this.frame.addEventListener("pointerdown", (event) => {
      if (this.view === "hold" && event.target.id === "layer") this.hold(true);
    });
    for (const end of ["pointerup", "pointercancel", "blur"]) addEventListener(end, () => this.hold(false));
  }

  // `picture`: ImageData of the composite; it is also shown as the result until there is one.
  show(picture) {
    const { width, height } = picture;
    const isOther = width !== this.#size.width || height !== this.#size.height;
    this.#size = { width, height };
    for (const context of isOther ? [this.#before, this.#after, this.#tint] : []) {
      Object.assign(context.canvas, { width, height });
    }
    this.#before.putImageData(picture, 0, 0);
    this.#after.putImageData(picture, 0, 0);
    this.frame.hidden = false;
    this.#fit();
  }

  // What a renderer made: the part that has foreground, or all of it.
  showResult({ result, bounds }, whole = false) {
    this.#after.putImageData(result, 0, 0, ...(whole ? [0, 0, result.width, result.height] : bounds));
  }

  // Levels of the mask as a red tint.
  showMask(levels) {
    const { width, height } = this.#size;
    const tint = new ImageData(width, height);
    const pixels = new Uint32Array(tint.data.buffer);
    const [r, g, b, a] = TINT;
    const shades = Uint32Array.from({ length: 256 }, (_, level) => ((Math.round((a * level) / 255) << 24) | (b << 16) | (g << 8) | r) >>> 0);
    for (let pixel = 0; pixel < levels.length; pixel++) pixels[pixel] = shades[levels[pixel]];
    this.#tint.putImageData(tint, 0, 0);
  }

  hide() {
    this.frame.hidden = true;
  }

  setView(view) {
    this.view = view;
    this.#fit();
  }

  setActualSize(on) {
    this.isActualSize = on;
    this.#fit();
  }

  hold(on) {
    this.frame.classList.toggle("held", on);
  }

  setOverlay(on) {
    this.frame.classList.toggle("tinted", on);
  }

  #moveSplit() {
    const split = Number($("split").value) / 10;
    this.frame.style.setProperty("--split", `${split}%`);
    $("split").setAttribute("aria-valuetext", `${Math.round(split)} % composite`);
  }

  // The largest frame that the stage holds, or one pixel of the copy on one of the screen.
  #fit() {
    const { width, height } = this.#size;
    if (!width) return;
    const stage = $("stage").getBoundingClientRect();
    const layouts = this.view === "side" ? [[2, 1], [1, 2]] : [[1, 1]];
    const scales = layouts.map(([across, down]) => Math.min((stage.width - GAP * (across - 1)) / (across * width), (stage.height - GAP * (down - 1)) / (down * height)));
    const best = scales.indexOf(Math.max(...scales));
    const [across, down] = layouts[best];
    const scale = this.isActualSize ? 1 / devicePixelRatio : scales[best];
    this.frame.dataset.view = this.view === "side" ? (across > 1 ? "across" : "down") : this.view;
    this.frame.style.width = `${Math.floor(across * width * scale + GAP * (across - 1))}px`;
    this.frame.style.height = `${Math.floor(down * height * scale + GAP * (down - 1))}px`;
  }
}
