// The shading map as a grid of handles over the picture: drag one up for more light there, down for less.
import { makeHandle } from "/page/handle.js";
import { spreadGrid } from "/page/spread.js";

const GRID = 5;
const STEP = 0.02; // of the logarithm of the gain: 2 %
const PIXELS = 150; // that a pointer moves for a factor of e
const MOST = 1.5;

export class Shading {
  #base = null;

  // `layer`: the element over the picture that takes the handles; `changed` is called while one moves.
  constructor(layer, changed) {
    this.changed = changed;
    this.grid = document.createElement("div");
    this.grid.className = "shading";
    this.grid.hidden = true;
    layer.append(this.grid);
    this.handles = Array.from({ length: GRID * GRID }, (_, index) => this.#addHandle(Math.floor(index / GRID), index % GRID));
    this.reset();
  }

  // The network's map, [h][w] logarithms; what was moved by hand stays moved.
  setBase(logGain) {
    this.#base = logGain;
    this.#draw();
  }

  reset() {
    this.moves = Array.from({ length: GRID }, () => new Array(GRID).fill(0));
    this.#draw();
  }

  show(on) {
    this.grid.hidden = !on;
  }

  get isMoved() {
    return this.moves.flat().some((move) => move !== 0);
  }

  // The map as it is now, [h][w].
  get values() {
    const moved = spreadGrid(this.moves, this.#base.length, this.#base[0].length);
    return this.#base.map((row, y) => row.map((value, x) => value + moved[y][x]));
  }

  // Only handles on the foreground are shown; `levels` is the mask of a picture so wide and high.
  setMask(levels, width, height) {
    const near = this.handles.map(() => false);
    const step = Math.max(Math.floor(width / 100), 1);
    for (let y = 0; y < height; y += step) {
      for (let x = 0; x < width; x += step) {
        if (levels[y * width + x] > 127) {
          const row = Math.floor((GRID * y) / height), column = Math.floor((GRID * x) / width);
          near[row * GRID + column] = true;
        }
      }
    }
    this.handles.forEach((handle, index) => handle.hidden = !near[index]);
  }

  #move(row, column, by) {
    this.moves[row][column] = Math.min(Math.max(this.moves[row][column] + by, -MOST), MOST);
    this.#draw();
    this.changed();
  }

  #draw() {
    this.handles.forEach((handle, index) => {
      const move = this.moves[Math.floor(index / GRID)][index % GRID];
      const percent = Math.round(100 * (Math.exp(move) - 1));
      handle.textContent = percent ? `${percent > 0 ? "+" : "−"}${Math.abs(percent)} %` : "";
      handle.setAttribute("aria-valuenow", percent);
      handle.setAttribute("aria-valuetext", `${percent} % light`);
    });
  }

  #addHandle(row, column) {
    const handle = document.createElement("div");
    Object.assign(handle, { className: "light", role: "slider", ariaValueMin: "-78", ariaValueMax: "348" });
    handle.setAttribute("aria-orientation", "vertical");
    handle.setAttribute("aria-label", `Light in row ${row + 1}, column ${column + 1} of ${GRID}`);
    handle.style.left = `${(100 * (column + 0.5)) / GRID}%`;
    handle.style.top = `${(100 * (row + 0.5)) / GRID}%`;
    makeHandle(handle, {
      drag: (_, down) => this.#move(row, column, -down / PIXELS),
      step: (right, up) => this.#move(row, column, (right + up) * STEP),
    });
    this.grid.append(handle);
    return handle;
  }
}
