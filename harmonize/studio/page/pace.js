// How often, and how finely, a picture is drawn while something moves: in each frame of the screen at most, and as a draft
// where the whole takes longer than a hand notices.

const PATIENCE = 30; // ms that drawing the whole may take while something moves
const REST = 120; // ms without a move after which a draft is followed by the whole

export class Pace {
  #asked = 0;
  #resting = 0;
  #whole = 0; // ms that the whole took last

  // `paint(isDraft)` draws.
  constructor(paint) {
    this.paint = paint;
  }

  // Draws in the next frame; of several calls before it one counts.
  draw() {
    this.#asked ||= requestAnimationFrame(() => {
      this.#asked = 0;
      clearTimeout(this.#resting);
      if (this.#whole <= PATIENCE) this.#drawWhole();
      else {
        this.paint(true);
        this.#resting = setTimeout(() => this.#drawWhole(), REST);
      }
    });
  }

  #drawWhole() {
    const began = performance.now();
    this.paint(false);
    this.#whole = performance.now() - began;
  }
}
