/* The upper part of the page: what stands out, how the figures are spread, how the fit kinds compare. */

const SPREAD = ["rmse", "delta_e", "left_out", "cube_clipped", "cube_folded"];
const NAMED_AT_ONCE = 10;

function drawCounts(data) {
  const photos = data.photos;
  const tally = (key) => {
    const counts = new Map();
    for (const photo of photos) if (photo[key]) counts.set(photo[key], (counts.get(photo[key]) || 0) + 1);
    return [...counts].map(([name, count]) => `${count} ${name}`).join(", ");
  };
  const flagged = photos.filter((photo) => photo.reasons.length).length;
  const parts = [
    plural(photos.length, "photo"),
    `${flagged} flagged`,
    tally("split"),
    `fits: ${tally("fit")}`,
    `sources: ${tally("source")}`,
  ];
  byId("counts").replaceChildren(parts.filter((part) => !/(^|: )$/.test(part)).join(" · "));
}

function drawFindings(data, { open, filterCause }) {
  const causes = Object.entries(data.causes);
  const rows = data.findings.flatMap(({ text, photos }) => {
    const cause = causes.find(([, words]) => words === text);
    const names = element("dd");
    const link = (id) => element("button", { type: "button", class: "name", on: { click: () => open(id) } }, id);
    const list = (ids) => names.replaceChildren(...ids.map(link));
    list(photos.slice(0, NAMED_AT_ONCE));
    if (photos.length > NAMED_AT_ONCE) {
      names.append(
        element(
          "button",
          { type: "button", class: "more", on: { click: () => list(photos) } },
          `${photos.length - NAMED_AT_ONCE} more`,
        ),
      );
    }
    const words = cause
      ? element("button", { type: "button", class: "cause", on: { click: () => filterCause(cause[0]) } }, text)
      : text;
    return [element("dt", null, element("span", { class: "number" }, String(photos.length)), words), names];
  });
  byId("findings").replaceChildren(...rows);
  const problems = byId("problems");
  problems.hidden = !data.problems.length;
  problems.querySelector("summary").replaceChildren(plural(data.problems.length, "problem"));
  problems.querySelector("ul").replaceChildren(...data.problems.map((text) => element("li", null, text)));
}

function drawDistributions(data, shown, open) {
  const all = data.photos;
  const few =
    shown.length < all.length
      ? ` Dark: the ${plural(shown.length, "photo")} shown below; pale: all ${all.length}.`
      : "";
  byId("distributions-hint").replaceChildren(
    `The tick on the axis is the median, the dotted line the limit beyond which a fit is flagged.${few}`,
  );
  const plots = SPREAD.map((name) => {
    const [words, unit] = data.figures[name];
    const [every, some] = [all, shown].map((photos) => photos.map((photo) => photo.figures[name]));
    const middle = `median ${showFigure(quantile(some, 0.5), unit)}, 95 % below ${showFigure(quantile(some, 0.95), unit)}`;
    return element(
      "figure",
      null,
      element(
        "figcaption",
        null,
        element("strong", null, unit === "levels" ? `${words}, levels` : words),
        element("span", null, middle),
      ),
      histogram(every, some, { unit, limit: data.limits[name], words }),
    );
  });
  byId("histograms").replaceChildren(...plots);
  byId("casts").replaceChildren(
    element(
      "figure",
      null,
      element(
        "figcaption",
        null,
        element("strong", null, "Casts of the lights"),
        element("span", null, "white patch as measured, in a*b*"),
      ),
      casts(shown, open),
    ),
  );
}

/* A row a camera, a strip of dots a figure. */
function drawCameras(data, shown) {
  const groups = new Map();
  for (const photo of shown) {
    const key = JSON.stringify([photo.source, photo.camera]);
    groups.set(key, [...(groups.get(key) || []), photo]);
  }
  const ends = SPREAD.map((name) =>
    upperEnd(
      data.photos.map((photo) => photo.figures[name]),
      data.limits[name],
    ),
  );
  const head = element(
    "tr",
    null,
    element("th", { scope: "col" }, "camera"),
    element("th", { scope: "col", class: "count" }, "photos"),
    ...SPREAD.map((name) =>
      element("th", { scope: "col" }, data.figures[name][0], element("small", null, " median")),
    ),
  );
  const rows = [...groups].sort().map(([key, photos]) => {
    const [source, camera] = JSON.parse(key);
    const cells = SPREAD.map((name, n) => {
      const [words, unit] = data.figures[name];
      const values = photos.map((photo) => photo.figures[name]);
      const told = `${words} of ${camera || source}`;
      return element(
        "td",
        null,
        element(
          "div",
          { class: "spread" },
          strip(values, { unit, limit: data.limits[name], end: ends[n], words: told }),
          element("span", null, showFigure(quantile(values, 0.5), unit)),
        ),
      );
    });
    return element(
      "tr",
      null,
      element("th", { scope: "row" }, camera || "unknown", " ", element("small", null, source)),
      element("td", { class: "count" }, String(photos.length)),
      ...cells,
    );
  });
  byId("cameras").replaceChildren(
    element("caption", null, "By camera and source"),
    element("thead", null, head),
    element("tbody", null, ...rows),
  );
}

const COMPARED = [
  "left_out",
  "left_out_inverse",
  "delta_e",
  "delta_e_inverse",
  "rmse",
  "cube_clipped",
  "cube_folded",
];

/* Kind by kind: a function of the kind gives the text of each cell; the lowest median of a column is marked. */
function kindsTable(data, kinds, figureOf) {
  const head = element(
    "tr",
    null,
    element("th", { scope: "col" }, "fit"),
    ...COMPARED.map((name) => element("th", { scope: "col" }, data.figures[name][0])),
  );
  const lowest = COMPARED.map((name) => Math.min(...kinds.map((kind) => figureOf(kind, name).value ?? Infinity)));
  const rows = kinds.map((kind) =>
    element(
      "tr",
      null,
      element("th", { scope: "row", class: `legend kind-${kind}` }, kind),
      ...COMPARED.map((name, n) => {
        const { value, text } = figureOf(kind, name);
        return element("td", { class: value !== null && value === lowest[n] ? "lowest" : null }, text);
      }),
    ),
  );
  return [element("thead", null, head), element("tbody", null, ...rows)];
}

/* Over the photos that every kind can be fitted to, so that all kinds answer for the same photos. */
function drawKinds(data, shown) {
  const photos = shown.filter((photo) => data.kinds.every((kind) => photo.kinds[kind]));
  const rest = shown.length - photos.length;
  const values = (kind, name) => photos.map((photo) => photo.kinds[kind][name]);
  const rows = kindsTable(data, data.kinds, (kind, name) => {
    const unit = data.figures[name][1];
    const [middle, high] = [0.5, 0.95].map((share) => quantile(values(kind, name), share));
    return { value: middle, text: `${showFigure(middle, unit)} / ${showFigure(high, unit)}` };
  });
  const without = rest ? `; ${rest} more with too few patches for some kind left out` : "";
  const caption = `Median / 95th percentile over ${plural(photos.length, "photo")}, the lowest median in bold${without}`;
  byId("kinds-table").replaceChildren(element("caption", null, caption), ...rows);
  const plot = (name, title) =>
    element(
      "figure",
      null,
      element("figcaption", null, element("strong", null, title)),
      cumulative(
        data.kinds.map((kind) => ({ name: kind, values: values(kind, name) })),
        { words: title },
      ),
    );
  byId("kinds-plots").replaceChildren(
    plot("left_out", "Photo to standard"),
    plot("left_out_inverse", "Standard to photo"),
  );
}
