/* One photo in full: pictures, both directions patch by patch, all fit kinds, composites, marks. */

class Panel {
  constructor(data, pictures, marks, { go, open, close }) {
    Object.assign(this, { data, pictures, marks, go, open, close });
    this.node = byId("panel");
    this.photo = null;
  }

  show(photo) {
    this.photo = photo;
    const found = this.pictures()[photo.id] || { photo: null, chart: null, reals: {}, composites: {}, problems: [] };
    this.node.replaceChildren(
      this.head(photo),
      this.views(photo, found),
      this.directions(photo),
      this.kinds(photo),
      ...this.strips(photo, found),
      this.figures(photo),
    );
    this.node.hidden = false;
    this.node.scrollTop = 0;
    document.body.classList.add("with-panel");
    this.node.focus({ preventScroll: true });
  }

  hide() {
    this.photo = null;
    this.node.hidden = true;
    this.node.replaceChildren();
    document.body.classList.remove("with-panel");
  }

  head(photo) {
    const button = (text, key, action, more) =>
      element("button", { type: "button", title: `${text} (${key})`, on: { click: action }, ...more }, text);
    const about = [photo.camera, photo.source, photo.split, `${photo.fit} fit`].filter(Boolean).join(" · ");
    const mark = (name) => button(name, name[0], () => this.toggle(name), { "data-mark": name });
    const fits = element(
      "select",
      { id: "refit", on: { change: (event) => this.marks.set(photo.id, { fit: event.target.value }) } },
      element("option", { value: "" }, "as it is"),
      ...this.data.kinds.map((kind) => element("option", { value: kind }, kind)),
    );
    const head = element(
      "div",
      { class: "panel-head" },
      element(
        "div",
        { class: "steps" },
        button("previous", "k", () => this.go(-1)),
        button("next", "j", () => this.go(1)),
        button("close", "Esc", () => this.close()),
      ),
      element("h2", { id: "panel-title" }, photo.id),
      element("p", { class: "about" }, about),
      element("ul", { class: "reasons" }, ...photo.reasons.map((reason) => element("li", null, reason))),
      element("div", { class: "marking" }, mark("good"), mark("bad"), element("label", null, "Fit to use ", fits)),
    );
    this.showMark(head);
    return head;
  }

  toggle(name) {
    const { mark } = this.marks.of(this.photo.id);
    this.marks.set(this.photo.id, { mark: mark === name ? "" : name });
  }

  showMark(head) {
    const place = head || this.node;
    const { mark, fit } = this.marks.of(this.photo.id);
    for (const button of place.querySelectorAll("[data-mark]"))
      button.setAttribute("aria-pressed", String(button.dataset.mark === mark));
    place.querySelector("#refit").value = fit;
  }

  views(photo, found) {
    const whole =
      found.photo && found.photo.outlines.length ? "The photo, its chart outlined" : "The photo without its chart";
    const shown = [
      found.photo && picture(found.photo, whole),
      found.chart && picture(found.chart, "The chart, its patches outlined"),
    ].filter(Boolean);
    if (!shown.length)
      shown.push(element("p", { class: "hint" }, "No picture: the fit is known from its patches alone."));
    shown.push(...found.problems.map((text) => element("p", { class: "problem" }, text)));
    return element("div", { class: "views" }, ...shown);
  }

  directions(photo) {
    const { standard, standardLab } = this.data;
    const measured = { words: "measured", levels: photo.measured };
    const wanted = { words: "standard", levels: standard };
    const forward = this.direction(
      photo,
      photo.forward,
      "Photo to standard",
      [measured, { words: "carried", levels: photo.forward.carried }, wanted],
      standardLab,
    );
    const inverse = this.direction(
      photo,
      photo.inverse,
      "Standard to photo",
      [wanted, { words: "carried", levels: photo.inverse.carried }, measured],
      photo.measuredLab,
    );
    return element("div", { class: "directions" }, forward, inverse);
  }

  rampPoints(photo) {
    return [18, 19, 20, 21, 22, 23].map((patch) => {
      const level = this.data.standard.slice(3 * patch, 3 * patch + 3).reduce((sum, one) => sum + one / 3, 0);
      return [level, ...photo.measured.slice(3 * patch, 3 * patch + 3)];
    });
  }

  direction(photo, found, title, sides, wantedLab) {
    const names = this.data.patches;
    const wanted = sides[2].levels;
    const plot = (text, drawing) => element("figure", null, element("figcaption", null, text), drawing);
    return element(
      "section",
      { class: "direction", "aria-label": title },
      element("h3", null, title),
      element("p", { class: "hint" }, `${sides.map(({ words }) => words).join(" | ")} · ΔE2000`),
      element("div", { class: "board" }, board(names, sides, found.deltaE, photo.notes)),
      element(
        "div",
        { class: "plots" },
        plot("Gray ramp: carried (lines), measured (dots)", ramp(this.rampPoints(photo), found.curve)),
        plot(
          "Residuals in a*b*, from wanted (rings) to carried",
          residualVectors(wantedLab, found.lab, found.carried, names),
        ),
        plot("Hue shift of each patch", hueShifts(wantedLab, wanted, found.hueShift, names)),
      ),
      this.numbers(found, sides, photo.notes),
    );
  }

  numbers(found, sides, notes) {
    const heads = [
      "patch",
      ...sides.map(({ words }) => words),
      "ΔE",
      "left out",
      "hue",
      ...(notes.length ? ["note"] : []),
    ];
    const rows = this.data.patches.map((name, patch) =>
      element(
        "tr",
        null,
        element("th", { scope: "row" }, name),
        ...sides.map(({ levels }) =>
          element(
            "td",
            null,
            (colorAt(levels, patch) || ["–"]).map((level) => (level === "–" ? level : Math.round(level))).join("  "),
          ),
        ),
        element("td", null, showFigure(found.deltaE[patch], "")),
        element("td", null, showFigure(found.leftOut[patch], "")),
        element("td", null, found.hueShift[patch] === null ? "" : `${showSigned(found.hueShift[patch], 0)}°`),
        notes.length ? element("td", { class: "note" }, notes[patch]) : null,
      ),
    );
    const table = element(
      "table",
      { class: "figures" },
      element("thead", null, element("tr", null, ...heads.map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", null, ...rows),
    );
    return element("details", null, element("summary", null, "Numbers"), element("div", { class: "scroll" }, table));
  }

  kinds(photo) {
    const kinds = this.data.kinds.filter((kind) => photo.kinds[kind]);
    const rows = kindsTable(this.data, kinds, (kind, name) => {
      const value = photo.kinds[kind][name];
      return { value, text: showFigure(value, this.data.figures[name][1]) };
    });
    return element(
      "section",
      null,
      element("h3", null, "Fit kinds on this photo"),
      element("div", { class: "scroll" }, element("table", { class: "figures" }, ...rows)),
    );
  }

  strips(photo, found) {
    return Object.entries(photo.foregrounds).map(([letter, rows]) => {
      const pictures = found.composites[letter] || [];
      const real = found.reals[letter]
        ? [element("li", null, picture(found.reals[letter], "real, foreground outlined"))]
        : [];
      const items = rows.map((row, n) => {
        const donor = element(
          "button",
          { type: "button", class: "name", title: `show ${row.donor}`, on: { click: () => this.open(row.donor) } },
          row.donor,
        );
        const words = element(
          "span",
          null,
          donor,
          element("br"),
          `ΔE ${showFigure(row.deltaE, "")} · ${showFigure(row.clipped, "share")} clipped`,
        );
        return element(
          "li",
          null,
          pictures[n]
            ? picture(pictures[n], words, `composite in the light of ${row.donor}`)
            : element("figure", null, element("figcaption", null, words)),
        );
      });
      const notes = [...new Set(rows.map((row) => row.note).filter(Boolean))].join("; ");
      return element(
        "section",
        null,
        element("h3", null, `Composites of foreground ${letter}`),
        notes ? element("p", { class: "hint" }, notes) : null,
        element("ul", { class: "strip" }, ...real, ...items),
      );
    });
  }

  figures(photo) {
    const rows = Object.entries(this.data.figures).map(([name, [words, unit]]) =>
      element(
        "tr",
        null,
        element("th", { scope: "row" }, words),
        element("td", null, showFigure(photo.figures[name], unit)),
        element("td", { class: "unit" }, ["levels", ""].includes(unit) ? unit : ""),
      ),
    );
    return element(
      "section",
      null,
      element("h3", null, "All figures"),
      element("table", { class: "figures narrow" }, element("tbody", null, ...rows)),
    );
  }
}

/* A picture with its outlines drawn over it. */
function picture({ uri, width, height, outlines }, words, alternative) {
  const lines = outlines.map((points) => points.join(" "));
  const drawn = ["under", "over"].flatMap((kind) => lines.map((points) => shape("polygon", { points, class: kind })));
  const overlay = shape(
    "svg",
    { viewBox: "0 0 1000 1000", preserveAspectRatio: "none", class: "outlines", "aria-hidden": "true" },
    ...drawn,
  );
  const image = element("img", {
    src: uri,
    width,
    height,
    alt: alternative || (typeof words === "string" ? words : ""),
  });
  const figure = element(
    "figure",
    { class: "picture" },
    element("div", { class: "frame" }, image, overlay),
    element("figcaption", null, words),
  );
  figure.style.setProperty("--ratio", width / height);
  return figure;
}
