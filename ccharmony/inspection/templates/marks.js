/* What a person says of photos: good, bad, another fit kind. Kept by the browser, saved as the CSV that build reads. */

class Marks {
  constructor(title, changed) {
    this.place = `ccharmony marks of ${title}`;
    this.changed = changed;
    this.known = new Map();
    try {
      for (const [photo, one] of JSON.parse(localStorage.getItem(this.place) || "[]")) this.known.set(photo, one);
    } catch {
      this.known.clear(); // a browser that keeps nothing for files, or something else under our name
    }
  }

  of(photo) {
    return this.known.get(photo) || { mark: "", fit: "" };
  }

  set(photo, change) {
    const one = { ...this.of(photo), ...change };
    if (one.mark || one.fit) this.known.set(photo, one);
    else this.known.delete(photo);
    try {
      localStorage.setItem(this.place, JSON.stringify([...this.known]));
    } catch {
      // then they last as long as the page is open
    }
    this.changed(photo);
  }

  describe() {
    const count = (test) => [...this.known.values()].filter(test).length;
    const fits = count((one) => one.fit);
    return `${count((one) => one.mark === "good")} good, ${count((one) => one.mark === "bad")} bad${fits ? `, ${fits} with another fit` : ""}`;
  }

  csv(order) {
    const safe = (text) => (/^'*[=+\-@\t\r\n]/.test(text) ? `'${text}` : text); // as names.to_cell
    const quoted = (text) => (/[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const cell = (text) => quoted(safe(text));
    const rows = order
      .filter((photo) => this.known.has(photo))
      .map((photo) => [photo, this.of(photo).mark, this.of(photo).fit]);
    return [["photo", "mark", "fit"], ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
  }

  save(order) {
    const url = URL.createObjectURL(new Blob([this.csv(order)], { type: "text/csv" }));
    element("a", { href: url, download: "marks.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
}
