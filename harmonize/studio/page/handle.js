// Elements that a pointer drags, and that the keys move as well.

const KEYS = { ArrowUp: [0, 1], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowLeft: [-1, 0], PageUp: [0, 10], PageDown: [0, -10] };

// `drag` gets the pixels that a pointer moved right and down; `step` the steps of a key, right and up; `end` ends either.
export function makeHandle(element, { drag, step, end = () => {} }) {
  let last = null;
  element.tabIndex = 0;
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    last = [event.clientX, event.clientY];
    element.focus({ preventScroll: true });
    event.preventDefault();
    event.stopPropagation();
  });
  element.addEventListener("pointermove", (event) => {
    if (!last || !element.hasPointerCapture(event.pointerId)) return;
    drag(event.clientX - last[0], event.clientY - last[1]);
    last = [event.clientX, event.clientY];
  });
  for (const name of ["pointerup", "pointercancel"]) {
    element.addEventListener(name, () => {
      if (last) end();
      last = null;
    });
  }
  element.addEventListener("keydown", (event) => {
    const steps = KEYS[event.key];
    if (!steps || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    step(...steps);
    end();
  });
}
