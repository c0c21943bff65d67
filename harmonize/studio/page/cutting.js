// A mask by hand: a box around the foreground, then strokes over what belongs to it and what does not.

const RADIUS = 0.012; // of the picture's width
const COLORS = { in: "#3fbf6f", out: "#e05252", box: "#ffd24a" };
const SMALLEST = 0.01;

export class Cutting {
  // `layer`: the element over the picture; `changed` gets the marks after each box and stroke.
  constructor(layer, changed) {
    this.changed = changed;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "marks";
    this.canvas.hidden = true;
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", "Box around the foreground: arrow keys move it, with Shift they change its size");
    layer.append(this.canvas);
    this.tool = "box";
    this.clear();
    this.#listen();
  }

  show(on, { width, height } = this.canvas) {
    Object.assign(this.canvas, { width, height });
    this.canvas.hidden = !on;
    if (on) this.#draw();
  }

  clear() {
    this.box = null;
    this.strokes = [];
    this.#draw();
  }

  // Takes the last stroke back, or the box; returns the marks that are left, or null.
  undo() {
    if (!this.strokes.pop()) this.box = null;
    this.#draw();
    return this.marks;
  }

  get marks() {
    return this.box && { box: this.box, strokes: this.strokes };
  }

  #listen() {
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.canvas.setPointerCapture(event.pointerId);
      event.stopPropagation();
      const point = this.#point(event);
      if (this.tool === "box" || !this.box) this.start = point;
      else this.strokes.push({ kind: this.tool, radius: RADIUS, points: [point] });
      this.isDrawing = true;
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.isDrawing) return;
      const point = this.#point(event);
      if (this.start) this.box = around(this.start, point);
      else this.strokes.at(-1).points.push(point);
      this.#draw();
    });
    for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, () => this.#end());
    this.canvas.addEventListener("keydown", (event) => this.#moveBox(event));
  }

  #end() {
    if (!this.isDrawing) return;
    this.isDrawing = false;
    this.start = null;
    if (this.box && (this.box[2] - this.box[0] < SMALLEST || this.box[3] - this.box[1] < SMALLEST)) this.box = null;
    this.#draw();
    if (this.marks) this.changed(this.marks);
  }

  #moveBox(event) {
    const [right, down] = { ArrowLeft: [-0.01, 0], ArrowRight: [0.01, 0], ArrowUp: [0, -0.01], ArrowDown: [0, 0.01] }[event.key] ?? [];
    if (right === undefined) {
      if (event.key === "Enter" && this.marks) this.changed(this.marks);
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const [x0, y0, x1, y1] = this.box ?? [0.25, 0.25, 0.75, 0.75];
    const moved = event.shiftKey ? [x0, y0, x1 + right, y1 + down] : [x0 + right, y0 + down, x1 + right, y1 + down];
    if (moved.every((side) => side >= 0 && side <= 1) && moved[2] - moved[0] > SMALLEST && moved[3] - moved[1] > SMALLEST) this.box = moved;
    this.#draw();
  }

  #point(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const share = (value) => Math.min(Math.max(value, 0), 1);
    return [share((event.clientX - left) / width), share((event.clientY - top) / height)];
  }

  #draw() {
    const { width, height } = this.canvas, context = this.canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    context.lineCap = context.lineJoin = "round";
    if (this.box) {
      const [x0, y0, x1, y1] = this.box;
      Object.assign(context, { strokeStyle: COLORS.box, lineWidth: Math.max(width / 400, 1) });
      context.strokeRect(x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height);
    }
    for (const { kind, radius, points } of this.strokes) {
      Object.assign(context, { strokeStyle: COLORS[kind], lineWidth: 2 * radius * width });
      context.beginPath();
      for (const [x, y] of [points[0], ...points]) context.lineTo(x * width, y * height);
      context.stroke();
    }
  }
}

function around([x0, y0], [x1, y1]) {
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
}
