"""A Gradio page that harmonizes the foreground of a composite.

    pip install gradio
    python gradio_page.py [WEIGHTS]

WEIGHTS are bundled ones by name or a file; by default those of `harmonize apply`. The page is at http://127.0.0.1:7860.
The project's own page, with handles and edges, is `harmonize serve`.
"""

import sys

import gradio
import numpy as np

import ccharmony
import harmonize


def build_page(weights: str | None = None) -> gradio.Interface:
    """Return the page: composite, mask and strength in, the harmonized picture out, as PNG."""
    net = harmonize.load_network(weights)

    def run(composite: np.ndarray | None, mask: np.ndarray | None, strength: float) -> np.ndarray:
        if composite is None or mask is None:
            raise gradio.Error("a composite and a mask are wanted")
        try:
            foreground = mask.astype(np.float32) / 255
            return harmonize.harmonize_image(composite, foreground, net, strength=strength)
        except ccharmony.CcharmonyError as error:  # one line that says what was wanted
            raise gradio.Error(str(error)) from error

    return gradio.Interface(
        run,
        [gradio.Image(label="Composite"), gradio.Image(label="Mask", image_mode="L"), gradio.Slider(0, 1, 1)],
        gradio.Image(label="Harmonized", format="png"),
        title="Give a pasted foreground the light of its background",
    )


if __name__ == "__main__":
    build_page(*sys.argv[1:2]).launch(server_name="127.0.0.1")
