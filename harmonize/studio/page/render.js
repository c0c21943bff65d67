// The change of a composite on its small copy, pixel by pixel. It is what harmonize/inference/adjustment.py and strips.py
// do at full size: curves, gain, what these miss of the network's change, then composite + mask · strength ·
// (changed − composite), rounded to even.
// A test in a browser holds the two to one level of each other.

// Heights in levels of a curve at the 256 levels: knots at (i + 0.5) / K, straight lines between them, flat outside.
export function table(knots) {
  const heights = new Float64Array(256);
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
    this.source = new Uint32Array(composite.data.buffer);
    this.target = new Uint32Array(this.result.data.buffer);
    this.extents = [];
    this.bounds = [0, 0, 0, 0];
    this.rest = null;
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

  // Keeps what curves and map miss of the network's change, `changed`: ImageData of the composite under it, background
  // too; null where they miss nothing.
  setChange(curves, logGain, changed) {
    this.rest = null;
    if (!changed) return;
    const { width, height, data } = this.composite, whole = changed.data;
    const rest = new Float32Array(3 * width * height);
    const { tables, gainOfRow } = this.#prepare(curves, logGain);
    for (let y = 0; y < height; y++) {
      const gain = gainOfRow(y, 0, width - 1);
      for (let x = 0, pixel = y * width; x < width; x++, pixel++) {
        for (let c = 0; c < 3; c++) rest[3 * pixel + c] = whole[4 * pixel + c] - clip(tables[c][data[4 * pixel + c]] * gain[x]);
      }
    }
    this.rest = rest;
  }

  // Curves [3][K] and logarithms of the gain [h][w], as of `Adjustment` in Python. In a draft only every other row is
  // computed; the others repeat what is above them, and stay as they were where that is background.
  adjust(curves, logGain, strength, isDraft = false) {
    const { tables, gainOfRow } = this.#prepare(curves, logGain);
    for (const [y, first, last] of this.extents) {
      if (isDraft && y % 2) this.#repeatRow(y, first, last);
      else this.#adjustRow(y, first, last, tables, gainOfRow(y, first, last), strength / 255);
    }
  }

  #repeatRow(y, first, last) {
    const { target, mask } = this, { width } = this.composite;
    for (let pixel = y * width + first; pixel <= y * width + last; pixel++) {
      if (mask[pixel] && mask[pixel - width]) target[pixel] = target[pixel - width];
    }
  }

  // The curves as tables, and a function that gives the gain of a part of a row; the next row overwrites it.
  #prepare(curves, logGain) {
    const { width, height } = this.composite;
    const wide = widen(logGain, width);
    const positions = cellPositions(height, wide.length);
    const gain = new Float64Array(width);
    const gainOfRow = (y, first, last) => {
      const below = Math.floor(positions[y]), share = positions[y] - below;
      const low = wide[below], high = wide[Math.min(below + 1, wide.length - 1)];
      for (let x = first; x <= last; x++) gain[x] = low[x] + share * (high[x] - low[x]);
      return gain;
    };
    return { tables: curves.map(table), gainOfRow };
  }

  // Pixels are read and written as one number each, red lowest, and rounded by adding a half: two thirds of the time that
  // four bytes take. Computers that run browsers keep the lowest byte first.
  #adjustRow(y, first, last, [red, green, blue], gain, strength) {
    const { source, target, mask, rest } = this, row = y * this.composite.width;
    for (let x = first; x <= last; x++) {
      const pixel = row + x, level = mask[pixel];
      if (!level) continue;
      const before = source[pixel], factor = gain[x], share = level * strength;
      const r = before & 255, g = (before >>> 8) & 255, b = (before >>> 16) & 255;
      let newRed = clip(red[r] * factor), newGreen = clip(green[g] * factor), newBlue = clip(blue[b] * factor);
      if (rest) {
        newRed = clip(newRed + rest[3 * pixel]);
        newGreen = clip(newGreen + rest[3 * pixel + 1]);
        newBlue = clip(newBlue + rest[3 * pixel + 2]);
      }
      if (share < 1) {
        newRed = r + share * (newRed - r);
        newGreen = g + share * (newGreen - g);
        newBlue = b + share * (newBlue - b);
      }
      target[pixel] = 0xff000000 | (newRed + 0.5) | ((newGreen + 0.5) << 8) | ((newBlue + 0.5) << 16);
    }
  }
}

function clip(level) {
  return level < 0 ? 0 : level > 255 ? 255 : level;
}
