/* Plots of one checker in one direction: the patches, the gray ramp, hue shifts, and residuals in a*b*. */

const SURROUND = 6;

/* All 24 patches as they lie on the chart, each split into what goes in, what comes out, and what should. */
function board(names, sides, deltaE, notes) {
  const [wide, high, pitch, row] = [78, 46, 88, 76];
  const parts = [];
  for (let patch = 0; patch < 24; patch += 1) {
    const [x, y] = [SURROUND + pitch * (patch % 6), SURROUND + row * Math.floor(patch / 6)];
    const colors = sides.map(({ levels }) => colorAt(levels, patch));
    const told = sides.map(
      ({ words }, n) => `${words}: ${colors[n] ? colors[n].map(Math.round).join(" ") : "not measured"}`,
    );
    const swatches = colors.map((color, n) =>
      shape("rect", {
        x: x + (n * wide) / 3,
        y,
        width: wide / 3 + (n < 2 ? 0.5 : 0),
        height: high,
        fill: paint(color),
      }),
    );
    const difference = deltaE[patch];
    const parts24 = [
      shape(
        "title",
        null,
        [names[patch], ...told, notes[patch] ? `left out: ${notes[patch]}` : ""].filter(Boolean).join("\n"),
      ),
      ...swatches,
    ];
    if (notes[patch]) {
      parts24.push(line(x, y, x + wide, y + high, "struck"), line(x, y + high, x + wide, y, "struck"));
    }
    parts24.push(label(x, y + high + 15, showFigure(difference, ""), "start", "on-gray"));
    const length = (wide - 48) * Math.min(1, (difference || 0) / 20);
    parts24.push(shape("rect", { x: x + 48, y: y + high + 7, width: length, height: 5, class: "amount" }));
    parts.push(shape("g", null, ...parts24));
  }
  return chart(
    2 * SURROUND + 5 * pitch + wide,
    2 * SURROUND + 3 * row + high + 18,
    "Patches of the checker",
    ...parts,
  );
}

/* The six grays and the curve of each channel; standard gray level rightwards, level upwards. */
function ramp(points, curve) {
  const [width, height, left, base] = [300, 230, 34, 198];
  const [x, y] = [scale(0, 255, left, width - 26), scale(0, 255, base, 8)];
  const inside = (level) => Math.min(265, Math.max(-10, level));
  const parts = [
    line(x(0), y(0), x(255), y(255), "grid"),
    line(left, base, width - 26, base, "axis"),
    line(left, 8, left, base, "axis"),
  ];
  for (const tick of [0, 64, 128, 192, 255]) {
    parts.push(label(x(tick), base + 14, String(tick)), label(left - 5, y(tick) + 3.5, String(tick), "end"));
  }
  ["red", "green", "blue"].forEach((channel, n) => {
    const known = curve.filter((point) => point[n + 1] !== null);
    const path = known.map(
      (point, i) => `${i ? "L" : "M"}${x(point[0]).toFixed(1)} ${y(inside(point[n + 1])).toFixed(1)}`,
    );
    parts.push(shape("path", { d: path.join(""), class: `curve ${channel}` }));
    const seen = points.filter((point) => point[n + 1] !== null);
    parts.push(
      dots(
        seen.map((point) => [x(point[0]), y(inside(point[n + 1]))]),
        `gray-dots ${channel}`,
      ),
    );
  });
  endLabels(curve, y, inside).forEach(({ name, at }) =>
    parts.push(label(width - 20, at, name, "start", `channel ${name}`)),
  );
  parts.push(label((left + width) / 2, height - 3, "standard gray level"));
  return chart(width, height, "Gray ramp", ...parts);
}

/* R, G and B beside the ends of their curves, moved apart where they would overlap. */
function endLabels(curve, y, inside) {
  const last = curve[curve.length - 1];
  const found = ["R", "G", "B"].map((name, n) => ({
    name,
    at: last[n + 1] === null ? null : y(inside(last[n + 1])) + 4,
  }));
  const ordered = found.filter(({ at }) => at !== null).sort((a, b) => a.at - b.at);
  ordered.forEach((one, n) => {
    one.at = Math.max(one.at, n ? ordered[n - 1].at + 11 : 11);
  });
  return ordered;
}

/* How far each hue is turned: hue of the color wanted rightwards, degrees upwards. */
function hueShifts(wantedLab, wanted, shifts, names) {
  const [width, height, left, base] = [300, 170, 38, 144];
  const known = shifts.filter((value) => value !== null).map(Math.abs);
  const reach = Math.min(180, 10 * Math.ceil(Math.max(20, ...known) / 10));
  const [x, y] = [scale(0, 360, left, width - 16), scale(-reach, reach, base, 10)];
  const parts = [line(left, y(0), width - 16, y(0), "axis")];
  for (const tick of [-reach, 0, reach]) parts.push(label(left - 5, y(tick) + 3.5, `${signed(tick)}°`, "end"));
  for (const tick of [0, 90, 180, 270, 360]) parts.push(label(x(tick), base + 13, `${tick}°`));
  shifts.forEach((shift, patch) => {
    if (shift === null) return;
    const [, a, b] = wantedLab.slice(3 * patch, 3 * patch + 3);
    const hue = ((Math.atan2(b, a) * 180) / Math.PI + 360) % 360;
    parts.push(line(x(hue), y(0), x(hue), y(shift), "stem"));
    parts.push(
      shape(
        "circle",
        { cx: x(hue), cy: y(shift), r: 4.5, fill: paint(colorAt(wanted, patch)), class: "swatch-dot" },
        shape("title", null, `${names[patch]}: hue ${hue.toFixed(0)}°, turned by ${showSigned(shift, 0)}°`),
      ),
    );
  });
  parts.push(label((left + width) / 2, height - 2, "hue angle of the color wanted"));
  return chart(width, height, "Hue shift of each patch", ...parts);
}

/* From the color wanted (ring) to the color that came out (filled), in a*b*. */
function residualVectors(wantedLab, lab, carried, names) {
  const [side, margin] = [300, 30];
  const values = [...wantedLab, ...lab].filter((value, n) => value !== null && n % 3);
  const reach = 20 * Math.ceil(Math.max(20, ...values.map(Math.abs)) / 20);
  const [x, y] = [scale(-reach, reach, margin, side - 16), scale(-reach, reach, side - margin, 10)];
  const parts = [line(x(0), y(-reach), x(0), y(reach), "grid"), line(x(-reach), y(0), x(reach), y(0), "grid")];
  for (const tick of [-reach, 0, reach]) {
    parts.push(label(x(tick), side - 14, signed(tick)), label(margin - 5, y(tick) + 3.5, signed(tick), "end"));
  }
  parts.push(label(side - 16, y(0) - 5, "a*", "end"), label(x(0) + 5, 16, "b*", "start"));
  for (let patch = 0; patch < 24; patch += 1) {
    const [, a, b] = wantedLab.slice(3 * patch, 3 * patch + 3);
    const [, c, d] = lab.slice(3 * patch, 3 * patch + 3);
    if ([a, b, c, d].includes(null)) continue;
    parts.push(
      shape(
        "g",
        null,
        shape("title", null, `${names[patch]}: a* ${showSigned(c - a, 1)}, b* ${showSigned(d - b, 1)}`),
        line(x(a), y(b), x(c), y(d), "vector"),
        shape("circle", { cx: x(a), cy: y(b), r: 3, class: "ring" }),
        shape("circle", { cx: x(c), cy: y(d), r: 4.5, fill: paint(colorAt(carried, patch)), class: "swatch-dot" }),
      ),
    );
  }
  return chart(side, side, "Residuals in a*b*", ...parts);
}
