/* Everything put together: the filters, the open photo, the keys. */

const FILTERS = { "by-camera": "camera", "by-source": "source", "by-split": "split", "by-fit": "fit" };
const MARK_CHOICES = [
  ["none", "not marked"],
  ["good", "good"],
  ["bad", "bad"],
  ["fit", "with another fit"],
];

class Page {
  constructor(data) {
    this.data = data;
    this.photos = new Map(data.photos.map((photo) => [photo.id, photo]));
    this.marks = new Marks(data.title, (id) => this.marked(id));
    let parsed = null;
    const pictures = () => (parsed ??= JSON.parse(byId("pictures").textContent)); // once a photo is opened, not before
    const open = (id) => this.open(id);
    this.table = new PhotoTable(data, this.marks, open);
    this.panel = new Panel(data, pictures, this.marks, {
      go: (step) => this.step(step),
      open,
      close: () => this.close(),
    });
    this.fillFilters();
    drawCounts(data);
    drawFindings(data, { open, filterCause: (cause) => this.filterCause(cause) });
    this.filter();
    byId("export").addEventListener("click", () => this.save());
    byId("reset").addEventListener("click", () => this.reset());
    document.addEventListener("keydown", (event) => this.key(event));
    byId("marked").replaceChildren(this.marks.describe());
    const named = data.photos.find((photo) => `#${encodeURIComponent(photo.id)}` === location.hash);
    if (named) this.open(named.id);
  }

  fillFilters() {
    const fill = (id, choices) => {
      const all = element("option", { value: "" }, "all");
      byId(id).replaceChildren(all, ...choices.map(([value, text]) => element("option", { value }, text)));
      byId(id).addEventListener("change", () => this.filter());
      byId(id).closest("label").hidden = choices.length < 2 && id in FILTERS;
    };
    for (const [id, key] of Object.entries(FILTERS)) {
      const found = [...new Set(this.data.photos.map((photo) => photo[key]))].sort();
      fill(
        id,
        found.map((value) => [value, value || "none"]),
      );
    }
    const present = new Set(this.data.photos.flatMap((photo) => photo.causes));
    const causes = Object.entries(this.data.causes).filter(([cause]) => present.has(cause));
    fill("by-cause", [["flagged", "any reason"], ["fine", "no reason"], ...causes]);
    fill("by-mark", MARK_CHOICES);
    byId("find").addEventListener("input", () => this.filter());
  }

  passes(photo) {
    const words = byId("find").value.trim().toLowerCase();
    const text = [photo.id, ...photo.reasons].join("\n").toLowerCase();
    const { mark, fit } = this.marks.of(photo.id);
    const [cause, wanted] = [byId("by-cause").value, byId("by-mark").value];
    return (
      text.includes(words) &&
      Object.entries(FILTERS).every(([id, key]) => !byId(id).value || byId(id).value === photo[key]) &&
      (!cause ||
        (cause === "flagged"
          ? photo.reasons.length > 0
          : cause === "fine"
            ? !photo.reasons.length
            : photo.causes.includes(cause))) &&
      (!wanted || (wanted === "none" ? !mark && !fit : wanted === "fit" ? Boolean(fit) : mark === wanted))
    );
  }

  filter() {
    this.table.filter((photo) => this.passes(photo));
    const shown = this.table.shown();
    byId("shown").replaceChildren(
      shown.length === this.photos.size
        ? `All ${plural(shown.length, "photo")}.`
        : `${shown.length} of ${plural(this.photos.size, "photo")}.`,
    );
    drawDistributions(this.data, shown, (id) => this.open(id));
    drawCameras(this.data, shown);
    drawKinds(this.data, shown);
  }

  filterCause(cause) {
    this.reset();
    byId("by-cause").value = cause;
    this.filter();
    byId("photos").scrollIntoView();
  }

  reset() {
    for (const id of [...Object.keys(FILTERS), "by-cause", "by-mark", "find"]) byId(id).value = "";
    this.filter();
  }

  open(id) {
    if (!this.photos.has(id)) return;
    this.panel.show(this.photos.get(id));
    this.table.choose(id);
    history.replaceState(null, "", `#${encodeURIComponent(id)}`);
  }

  close() {
    if (!this.panel.photo) return;
    const row = this.table.rows.get(this.panel.photo.id);
    this.panel.hide();
    this.table.choose(null);
    history.replaceState(null, "", "#");
    row.querySelector("button").focus();
  }

  /* Go to the next photo shown, or to the first where none is open. */
  step(by) {
    const shown = this.table.shown();
    const place = this.panel.photo ? shown.indexOf(this.panel.photo) : -1;
    const next = place < 0 ? shown[0] : shown[place + by];
    if (next) this.open(next.id);
  }

  marked(id) {
    this.table.remark(id);
    if (this.panel.photo) this.panel.showMark();
    byId("marked").replaceChildren(this.marks.describe());
  }

  save() {
    this.marks.save(this.table.order.map((photo) => photo.id));
  }

  key(event) {
    const typing = event.target.closest("input, select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing && event.key !== "Escape") return;
    const mark = (change) => this.panel.photo && this.marks.set(this.panel.photo.id, change);
    const actions = {
      j: () => this.step(1),
      k: () => this.step(-1),
      ArrowRight: () => this.step(1),
      ArrowLeft: () => this.step(-1),
      g: () => mark({ mark: "good" }),
      b: () => mark({ mark: "bad" }),
      u: () => mark({ mark: "", fit: "" }),
      e: () => this.save(),
      "/": () => byId("find").focus(),
      Escape: () => (typing ? event.target.blur() : this.close()),
    };
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  }
}

new Page(JSON.parse(byId("data").textContent));
