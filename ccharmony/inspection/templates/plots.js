/* Plots of many photos: histograms, strips of dots, cumulative curves, and the casts of the lights. */

function scale(low, high, start, end) {
  return (value) => start + ((value - low) / (high - low || 1)) * (end - start);
}

/* A round step that parts `range` into about `count` pieces, and its multiples. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) || 10);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n += 1) found.push(n * step);
  return found;
}

function tickText(value, unit) {
  return unit === "share" ? `${Math.round(100 * value)}%` : String(Number(value.toPrecision(6)));
}

function label(x, y, text, anchor, kind) {
  return shape("text", { x, y, "text-anchor": anchor || "middle", class: kind || "tick" }, text);
}

function line(x1, y1, x2, y2, kind) {
  return shape("line", { x1, y1, x2, y2, class: kind });
}

/* The dots of a list of places as one path: a round cap on each piece of no length. */
function dots(places, kind) {
  return shape("path", { d: places.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join(""), class: kind });
}

function chart(width, height, words, ...children) {
  const frame = { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": words };
  return shape("svg", frame, ...children);
}

function upperEnd(values, limit) {
  const known = values.filter((value) => value !== null);
  return Math.max(...known, limit || 0, 1e-6);
}

/* How a figure is spread over all photos (pale) and over those shown (dark), with its limit. */
function histogram(all, shown, { unit, limit, words }) {
  const [width, height, base] = [244, 104, 84];
  const end = unit === "share" ? 1 : upperEnd(all, limit);
  const bins = 30;
  const x = scale(0, end, 14, width - 16);
  const count = (values) => {
    const counts = new Array(bins).fill(0);
    for (const value of values) if (value !== null) counts[Math.min(bins - 1, Math.floor((bins * value) / end))] += 1;
    return counts;
  };
  const [pale, dark] = [count(all), count(shown)];
  const y = scale(0, Math.max(...pale, 1), base, 8);
  const bars = [];
  for (let bin = 0; bin < bins; bin += 1) {
    const [from, to] = [(bin * end) / bins, ((bin + 1) * end) / bins];
    const box = (n, kind) =>
      shape("rect", {
        x: x(from) + 0.5,
        y: y(n),
        width: Math.max(0.5, x(to) - x(from) - 1),
        height: base - y(n),
        class: kind,
      });
    const text = `${showFigure(from, unit)} to ${showFigure(to, unit)}: ${plural(dark[bin], "photo")}`;
    const beyond = limit !== undefined && from >= limit - 1e-9;
    bars.push(
      shape(
        "g",
        null,
        shape("title", null, text),
        box(pale[bin], "pale"),
        box(dark[bin], beyond ? "bar beyond" : "bar"),
      ),
    );
  }
  const axis = ticks(0, end, 5).map((tick) => label(x(tick), height - 6, tickText(tick, unit)));
  const parts = [...bars, line(14, base, width - 16, base, "axis"), ...axis];
  if (limit !== undefined) parts.push(line(x(limit), 4, x(limit), base, "limit"));
  const middle = quantile(shown, 0.5);
  if (middle !== null) parts.push(line(x(middle), base - 3, x(middle), base + 4, "median"));
  return chart(width, height, `Histogram of ${words}`, ...parts);
}

/* One dot a photo along a line, the median as a stroke. */
function strip(values, { unit, limit, end, words }) {
  const [width, height] = [150, 22];
  const x = scale(0, unit === "share" ? 1 : end, 5, width - 5);
  const known = values.filter((value) => value !== null);
  const place = (value, n) => [x(value), 11 + 2.5 * ((n * 0.618) % 1) * 2 - 2.5];
  const parts = [line(5, 19.5, width - 5, 19.5, "axis")];
  if (limit !== undefined) parts.push(line(x(limit), 2, x(limit), 20, "limit"));
  parts.push(dots(known.map(place), "dots"));
  const middle = quantile(known, 0.5);
  if (middle !== null) parts.push(line(x(middle), 3, x(middle), 19, "median"));
  return chart(width, height, words, ...parts);
}

/* Share of photos (upwards) on which a figure is at most so large (rightwards), a curve a kind. */
function cumulative(curves, { words }) {
  const [width, height, left, base] = [320, 220, 34, 188];
  const end = upperEnd(curves.map(({ values }) => quantile(values, 0.98)));
  const [x, y] = [scale(0, end, left, width - 10), scale(0, 1, base, 10)];
  const parts = ticks(0, end, 5).map((tick) => label(x(tick), base + 15, tickText(tick)));
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    parts.push(
      line(left, y(share), width - 10, y(share), "grid"),
      label(left - 5, y(share) + 3.5, tickText(share, "share"), "end"),
    );
  }
  for (const { name, values } of curves) {
    const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
    const inside = sorted.filter((value) => value <= end);
    const steps = inside.map((value, n) => `H${x(value).toFixed(1)}V${y((n + 1) / sorted.length).toFixed(1)}`);
    parts.push(
      shape(
        "path",
        { d: `M${left} ${base}${steps.join("")}`, class: `curve kind-${name}` },
        shape("title", null, name),
      ),
    );
  }
  parts.push(label((left + width) / 2, height - 4, "ΔE2000, mean over the left-out patches"));
  return chart(width, height, words, ...parts);
}

/* The white patch of every photo in a*b*, painted as it was measured: which casts the lights have. */
function casts(photos, open) {
  const [side, margin] = [260, 26];
  const white = (photo) => photo.measuredLab.slice(54, 57);
  const known = photos.filter((photo) => !white(photo).includes(null));
  const reach =
    10 *
    Math.ceil(
      upperEnd(
        known.flatMap((photo) => white(photo).slice(1).map(Math.abs)),
        10,
      ) / 10,
    );
  const [x, y] = [scale(-reach, reach, margin, side - 14), scale(-reach, reach, side - margin, 10)];
  const parts = [line(x(0), y(-reach), x(0), y(reach), "grid"), line(x(-reach), y(0), x(reach), y(0), "grid")];
  for (const tick of [-reach, 0, reach]) {
    parts.push(label(x(tick), side - 10, signed(tick)), label(margin - 5, y(tick) + 3.5, signed(tick), "end"));
  }
  parts.push(label(side - 14, y(0) - 5, "a*", "end"), label(x(0) + 5, 16, "b*", "start"));
  for (const photo of known) {
    const [, a, b] = white(photo);
    parts.push(
      shape(
        "circle",
        {
          cx: x(a),
          cy: y(b),
          r: 4,
          fill: paint(colorAt(photo.measured, 18)),
          class: "cast",
          on: { click: () => open(photo.id) },
        },
        shape("title", null, `${photo.id}: a* ${a}, b* ${b}`),
      ),
    );
  }
  return chart(side, side, "White patch of every photo in a*b*", ...parts);
}
