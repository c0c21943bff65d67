// The change of a composite on its small copy, pixel by pixel. It is what harmonize/inference/adjustment.py and strips.py
// do at full size: curves, gain, then composite + mask · strength · (changed − composite), rounded to even.
// A test in a browser holds the two to one level of each other.

// Heights in levels of a curve at the 256 levels: knots at (i + 0.5) / K, straight lines between them, flat outside.
export function table(knots) {
  const heights = new Float32Array(256);
  const last = knots.length - 1;
  for (let level = 0; level < 256; level++) {
    const place = Math.min(Math.max((level / 255) * knots.length - 0.5, 0), last);
    const below = Math.min(Math.floor(place), last - 1);
    heights[level] = 255 * (knots[below] + (place - below) * (knots[below + 1] - knots[below]));
  }
  return heights;
}

// Where the pixels of a line lie in units of cells, constant beyond the centers of the outer ones.
function cellPositions(length, cells) {
  return Float32Array.from({ length }, (_, pixel) => Math.min(Math.max(((pixel + 0.5) * cells) / length - 0.5, 0), cells - 1));
}

// Rows of the gain, each as long as the picture is wide.
function widen(logGain, width) {
  const positions = cellPositions(width, logGain[0].length);
  return logGain.map((row) => {
    const gain = row.map(Math.exp);
    return positions.map((place) => {
      const below = Math.floor(place);
      const above = Math.min(below + 1, gain.length - 1);
      return gain[below] + (place - below) * (gain[above] - gain[below]);
    });
  });
}

export class Renderer {
  // `composite`: ImageData.
  constructor(composite) {
    this.composite = composite;
    this.result = new ImageData(new Uint8ClampedArray(composite.data), composite.width, composite.height);
    this.mask = new Uint8Array(composite.width * composite.height);
    this.extents = [];
    this.bounds = [0, 0, 0, 0];
  }

  // Levels of the mask, one a pixel; also finds the first and last column of foreground in each row, and of all rows.
  setMask(levels) {
    const { width, height, data } = this.composite;
    this.mask = levels;
    this.result.data.set(data);
    this.extents = [];
    this.bounds = [0, 0, 0, 0];
    for (let y = 0; y < height; y++) {
      let first = y * width, last = first + width - 1;
      while (first <= last && !levels[first]) first++;
      while (last >= first && !levels[last]) last--;
      if (first <= last) this.extents.push([y, first - y * width, last - y * width]);
    }
    if (!this.extents.length) return;
    const left = Math.min(...this.extents.map(([, first]) => first)), right = Math.max(...this.extents.map(([, , last]) => last));
    const top = this.extents[0][0], bottom = this.extents.at(-1)[0];
    this.bounds = [left, top, right - left + 1, bottom - top + 1];
  }

  // Curves [3][K] and logarithms of the gain [h][w], as of `Adjustment` in Python.
  adjust(curves, logGain, strength) {
    const { width, height } = this.composite;
    const [red, green, blue] = curves.map(table);
    const wide = widen(logGain, width);
    const positions = cellPositions(height, wide.length);
    const gain = new Float32Array(width);
    const tables = { red, green, blue, gain };
    for (const [y, first, last] of this.extents) {
      const below = Math.floor(positions[y]), share = positions[y] - below;
      const low = wide[below], high = wide[Math.min(below + 1, wide.length - 1)];
      for (let x = first; x <= last; x++) gain[x] = low[x] + share * (high[x] - low[x]);
      this.#adjustRow(y, first, last, tables, strength / 255);
    }
  }

  #adjustRow(y, first, last, { red, green, blue, gain }, strength) {
    const source = this.composite.data, target = this.result.data, mask = this.mask, row = y * this.composite.width;
    for (let x = first; x <= last; x++) {
      const level = mask[row + x];
      if (!level) continue;
      const share = level * strength, factor = gain[x], place = 4 * (row + x);
      const r = source[place], g = source[place + 1], b = source[place + 2];
      target[place] = r + share * (Math.min(Math.max(red[r] * factor, 0), 255) - r);
      target[place + 1] = g + share * (Math.min(Math.max(green[g] * factor, 0), 255) - g);
      target[place + 2] = b + share * (Math.min(Math.max(blue[b] * factor, 0), 255) - b);
    }
  }

  // `changed`: ImageData of the composite under a network's change, background too.
  mix(changed, strength) {
    const source = this.composite.data, target = this.result.data, other = changed.data, mask = this.mask;
    const width = this.composite.width;
    for (const [y, first, last] of this.extents) {
      for (let pixel = y * width + first; pixel <= y * width + last; pixel++) {
        const share = (mask[pixel] * strength) / 255;
        for (let place = 4 * pixel; place < 4 * pixel + 3; place++) {
          target[place] = source[place] + share * (other[place] - source[place]);
        }
      }
    }
  }
}
