"""How far a composite's foreground is from the true relit one, for every fit kind.

    python -m benchmarks.demo_truth [--smoke]

The demo's objects are rendered spectrally under every light, so the truth is known. Each foreground is carried into
the light of every other photo of its split; printed are figures over these composites of the mean CIEDE2000 of a
foreground.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from ccharmony.color import polynomial
from ccharmony.sources import demo_truth
from ccharmony.sources.demo.five_scenes import SCENES
from ccharmony.sources.demo_truth import Distance


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder that holds the demo, or shall; else a temporary one."
)
@click.option("--smoke", is_flag=True, help="One scene only: shows that it runs.")
def main(data: Path | None, smoke: bool) -> None:
    """Print the table."""
    scenes = SCENES[1:2] if smoke else SCENES
    with tempfile.TemporaryDirectory() as folder:
        found = demo_truth.distances(data or Path(folder), scenes=scenes)
    _print("same scene, same camera", [distance for distance in found if distance.same_scene])
    _print("another scene", [distance for distance in found if not distance.same_scene])
    _print("all", found)


def _print(title: str, found: Sequence[Distance]) -> None:
    if not found:
        return
    click.echo(f"{title}: {len(found)} composites, mean ΔE2000 of the foreground from the truth")
    click.echo(f"  {'':12s} {'mean':>6s} {'median':>6s} {'p95':>6s}")
    rows = {"not carried": [distance.unchanged for distance in found]}
    rows |= {kind: [distance.carried[kind] for distance in found] for kind in polynomial.KINDS}
    for name, values in rows.items():
        click.echo(f"  {name:12s} {np.mean(values):6.2f} {np.median(values):6.2f} {np.percentile(values, 95):6.2f}")


if __name__ == "__main__":
    main()
