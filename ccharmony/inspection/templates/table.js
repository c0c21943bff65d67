/* The table of all photos: sorted by any column, filtered by words, camera, source, split, fit, reason and mark. */

const FIGURE_COLUMNS = [
  [
    "score",
    "there + back",
    "mean ΔE2000 of the checker carried to standard, plus that of the standard carried back",
    "",
  ],
  ["rmse", "RMSE", "root mean square on the patches, 8-bit levels", "levels"],
  ["delta_e", "ΔE", "mean ΔE2000, photo to standard", ""],
  ["delta_e_max", "ΔE max", "largest ΔE2000 of a patch, photo to standard", ""],
  ["left_out", "left out", "mean ΔE2000 of each patch under the fit of the others", ""],
  ["cube_clipped", "clips", "share of the color cube that clips", "share"],
  ["cube_folded", "folds", "share of the color cube that folds", "share"],
];

class PhotoTable {
  constructor(data, marks, open) {
    this.photos = data.photos;
    this.marks = marks;
    this.open = open;
    this.sorting = { key: "score", down: true };
    this.columns = [
      { key: "id", title: "photo", text: true },
      { key: "fit", title: "fit", text: true },
      ...FIGURE_COLUMNS.map(([key, title, words, unit]) => ({ key, title, words, unit })),
      { key: "grays", title: "grays", words: "measured above, carried to standard below", fixed: true },
      { key: "mark", title: "mark", text: true },
      { key: "why", title: "why", text: true },
    ];
    this.rows = new Map(this.photos.map((photo) => [photo.id, this.row(photo)]));
    this.body = element("tbody");
    byId("table").replaceChildren(
      element("thead", null, element("tr", null, ...this.columns.map((column) => this.header(column)))),
      this.body,
    );
    this.order = this.photos;
    this.sort();
  }

  header(column) {
    if (column.fixed) return element("th", { scope: "col", title: column.words }, column.title);
    const button = element(
      "button",
      { type: "button", title: column.words, on: { click: () => this.sortBy(column.key) } },
      column.title,
    );
    return element("th", { scope: "col", "data-key": column.key, class: column.text ? null : "number" }, button);
  }

  row(photo) {
    const name = element("button", { type: "button", class: "name" }, photo.id);
    const figures = FIGURE_COLUMNS.map(([key, , , unit]) =>
      element("td", { class: "number" }, showFigure(this.value(photo, key), unit)),
    );
    const origin = [photo.camera, photo.split].filter(Boolean).join(" · ");
    const row = element(
      "tr",
      { class: photo.reasons.length ? "flagged" : null, on: { click: () => this.open(photo.id) } },
      element("th", { scope: "row" }, name, element("small", null, origin)),
      element("td", null, photo.fit),
      ...figures,
      element("td", null, grays(photo)),
      element("td", { class: "mark" }),
      element("td", { class: "why" }, photo.reasons.join("; ")),
    );
    this.showMark(row, photo.id);
    return row;
  }

  value(photo, key) {
    if (key === "mark") return this.markOf(photo.id);
    if (key === "why") return photo.reasons.join("; ");
    return key in photo.figures ? photo.figures[key] : photo[key];
  }

  markOf(id) {
    const { mark, fit } = this.marks.of(id);
    return [mark === "good" ? "✓ good" : mark === "bad" ? "✕ bad" : "", fit && `→ ${fit}`].filter(Boolean).join(" ");
  }

  showMark(row, id) {
    const cell = row.querySelector(".mark");
    cell.replaceChildren(this.markOf(id));
    cell.className = `mark ${this.marks.of(id).mark}`;
  }

  remark(id) {
    this.showMark(this.rows.get(id), id);
  }

  sortBy(key) {
    const column = this.columns.find((one) => one.key === key);
    const again = this.sorting.key === key;
    this.sorting = { key, down: again ? !this.sorting.down : !column.text };
    this.sort();
  }

  /* Unknown figures stand last in either direction; equal ones by name. */
  sort() {
    const { key, down } = this.sorting;
    const sign = down ? -1 : 1;
    const compare = (one, other) => {
      const [a, b] = [this.value(one, key), this.value(other, key)];
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b);
    };
    this.order = [...this.photos].sort((one, other) => compare(one, other) || one.id.localeCompare(other.id));
    this.body.replaceChildren(...this.order.map((photo) => this.rows.get(photo.id)));
    for (const cell of byId("table").querySelectorAll("th[data-key]")) {
      const direction = cell.dataset.key === key ? (down ? "descending" : "ascending") : "none";
      cell.setAttribute("aria-sort", direction);
    }
  }

  /* Show the photos that pass a test, in the table's order. */
  filter(passes) {
    for (const photo of this.photos) this.rows.get(photo.id).hidden = !passes(photo);
  }

  shown() {
    return this.order.filter((photo) => !this.rows.get(photo.id).hidden);
  }

  choose(id) {
    for (const [photo, row] of this.rows) {
      if (photo === id) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
    if (id !== null) this.rows.get(id).scrollIntoView({ block: "nearest" });
  }
}

/* The six grays of a photo, measured above carried: its cast and what the fit makes of it, at a glance. */
function grays(photo) {
  const parts = [];
  for (let patch = 0; patch < 6; patch += 1) {
    [photo.measured, photo.forward.carried].forEach((levels, row) => {
      parts.push(
        shape("rect", {
          x: 10 * patch,
          y: 9 * row,
          width: 10.5,
          height: 9,
          fill: paint(colorAt(levels, 18 + patch)),
        }),
      );
    });
  }
  return shape("svg", { viewBox: "0 0 60 18", width: 60, height: 18, "aria-hidden": "true" }, ...parts);
}
