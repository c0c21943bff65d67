"""How far a composite's foreground is from the true relit one, for every fit kind.

    python -m benchmarks.demo_truth [--smoke]

The demo's objects are rendered spectrally under every light, so the truth is known. Each foreground is carried into
the light of every other photo of its split; printed are figures over these composites of the mean CIEDE2000 of a
foreground.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from ccharmony.arrays import Float32, Float64, Indices, UInt8
from ccharmony.checker.chart import STANDARD
from ccharmony.checker.patches import read_patches
from ccharmony.color import difference, polynomial, transfer
from ccharmony.color.polynomial import FitKind, fit_polynomial
from ccharmony.images import pixels, rendering
from ccharmony.records import Photo
from ccharmony.sources.demo import render, spectra
from ccharmony.sources.demo.five_scenes import SCENES
from ccharmony.sources.demo.scene import Scene
from ccharmony.sources.demo.trace import chart_light

SAMPLE = 2000
"""Pixels of a foreground that are compared, evenly spread."""


@dataclass(frozen=True, eq=False)
class Truth:
    """The objects of a scene, ready to be seen under any light by any camera of the demo.

    Attributes
    ----------
    scene
        The scene.
    index
        Letter of a foreground -> flat positions of its pixels in the photos, shape (n,).
    shares
        Letter of a foreground -> shares of the scene's materials in these pixels, shape (n, materials).
    """

    scene: Scene
    index: dict[str, Indices]
    shares: dict[str, Float32]

    def relit(self, letter: str, donor: Scene, light: str, gain: float) -> UInt8:
        """Return a foreground's true colors, shape (n, 3), in another photo's light.

        Parameters
        ----------
        letter
            The foreground.
        donor, light
            Scene and light of the other photo.
        gain
            Its exposure, see ``render.read_gains``.

        Returns
        -------
        UInt8
            Colors (n, 3), sRGB-encoded, 8 bits, one for each pixel of the foreground.
        """
        colors = spectra.counts(self.scene.materials, light, donor.camera)
        counts = self.shares[letter] @ colors * (chart_light(donor) / chart_light(self.scene))
        return rendering.render_linear(counts[:, None], spectra.rendering(donor.camera), gain)[:, 0]


def truths(scenes: Sequence[Scene] = SCENES) -> list[Truth]:
    """Trace scenes and return what belongs to their foregrounds."""
    return [_truth(scene) for scene in scenes]


@dataclass(frozen=True)
class Distance:
    """How far one composite's foreground is from the truth, in mean CIEDE2000.

    Attributes
    ----------
    photo, foreground, donor
        Whose foreground, which one, whose light.
    same_scene
        Whether donor and photo show the same scene (and so the same camera).
    unchanged
        Distance of the foreground as it is in its photo: what there was to do.
    carried
        Fit kind -> distance of the foreground after the transfer.
    """

    photo: str
    foreground: str
    donor: str
    same_scene: bool
    unchanged: float
    carried: dict[FitKind, float]


def distances(
    data_dir: Path, kinds: Sequence[FitKind] = polynomial.KINDS, scenes: Sequence[Scene] = SCENES
) -> list[Distance]:
    """Carry every foreground of the demo into the light of every other photo of its split, and compare with the truth.

    Parameters
    ----------
    data_dir
        Folder that holds (or will hold) the demo.
    kinds
        Fit kinds. ``published`` is applied by the published arithmetic, as in a build.
    scenes
        Scenes to compare; all by default.

    Returns
    -------
    list[Distance]
        One for each foreground and donor.
    """
    photos = {photo.id: photo for photo in render.find_demo(data_dir, scenes).photos}
    shots = [_Shot(scene, light, photos[render.photo_id(scene, light)]) for scene in scenes for light in scene.lights]
    fits = {shot.photo.id: {kind: _fit(shot, kind) for kind in kinds} for shot in shots}
    gains = render.read_gains(data_dir)
    found: list[Distance] = []
    for truth in truths(scenes):
        for shot in (shot for shot in shots if shot.scene is truth.scene):
            donors = [donor for donor in shots if donor.photo.split == shot.photo.split and donor is not shot]
            for letter in truth.scene.foregrounds:
                found += _compare(truth, shot, letter, donors, fits, gains)
    return found


@dataclass(frozen=True, eq=False)
class _Shot:
    """A photo, and the scene and light it shows."""

    scene: Scene
    light: str
    photo: Photo


_Fits = dict[str, dict[FitKind, tuple[Float64, Float64]]]


def _truth(scene: Scene) -> Truth:
    width = scene.view.size[1]
    index: dict[str, list[Indices]] = {letter: [] for letter in scene.foregrounds}
    shares: dict[str, list[Float32]] = {letter: [] for letter in scene.foregrounds}
    for rows, traced in render.strips(scene):
        for letter, coverage in traced.coverage.items():
            inside = coverage >= render.COVERED
            index[letter].append(np.flatnonzero(inside) + rows.start * width)
            shares[letter].append(traced.shares[inside])
    joined = {letter: np.concatenate(parts) for letter, parts in index.items()}
    return Truth(scene, joined, {letter: np.concatenate(parts) for letter, parts in shares.items()})


def _fit(shot: _Shot, kind: FitKind) -> tuple[Float64, Float64]:
    """Fit T_a and T'_a to the patches of a photo that are not clipped."""
    patches = read_patches(pixels.read_image(shot.photo.path), shot.scene.chart_corners)
    measured, standard = patches.colors[patches.usable], STANDARD[patches.usable]
    return fit_polynomial(measured, standard, kind), fit_polynomial(standard, measured, kind)


def _compare(
    truth: Truth, shot: _Shot, letter: str, donors: Sequence[_Shot], fits: _Fits, gains: dict[str, float]
) -> Iterator[Distance]:
    """Compare one foreground in the lights of some donors."""
    image, mask = pixels.read_image(shot.photo.path), pixels.read_mask(shot.photo.masks[letter])
    carried = {
        kind: transfer.standardize(image, mask, to_standard, _arithmetic(kind)).sample(SAMPLE)
        for kind, (to_standard, _) in fits[shot.photo.id].items()
    }
    step = max(1, -(-len(truth.index[letter]) // SAMPLE))
    sampled = dataclasses.replace(truth, shares={letter: truth.shares[letter][::step]})
    original = image.reshape(-1, 3)[truth.index[letter][::step]]
    for donor in donors:
        wanted = sampled.relit(letter, donor.scene, donor.light, gains[donor.photo.id])
        yield Distance(
            shot.photo.id,
            letter,
            donor.photo.id,
            donor.scene is shot.scene,
            _mean_delta_e(original, wanted),
            {
                kind: _mean_delta_e(
                    transfer.relight_foreground(foreground, fits[donor.photo.id][kind][1]).colors, wanted
                )
                for kind, foreground in carried.items()
            },
        )


def _arithmetic(kind: FitKind) -> transfer.Arithmetic:
    return "published" if kind == "published" else "float"


def _mean_delta_e(found: UInt8, wanted: UInt8) -> float:
    return float(difference.delta_e(found / 255, wanted / 255).mean())


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds or will hold the demo. [temporary]")
@click.option("--smoke", is_flag=True, help="One scene only: shows that it runs.")
def main(data: Path | None, smoke: bool) -> None:
    """Print the table."""
    scenes = SCENES[1:2] if smoke else SCENES
    with tempfile.TemporaryDirectory() as folder:
        found = distances(data or Path(folder), scenes=scenes)
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
