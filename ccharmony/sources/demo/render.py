"""The demo: five scenes under six lights each, rendered here, so that nothing has to be downloaded.

    DATA/demo/photos/<scene>_<light>.png
    DATA/demo/masks/<scene>_<light>_<a|b>.png
    DATA/demo/index.json                        hashes of the files above, exposures, version of the rendering

Each photo shows a color checker and two foregrounds. The photos of a scene differ in nothing but the light and the
exposure, so the true relit foreground is known (``demo_truth``). Three scenes train, two test: 18 and 12 photos.

Contents: :func:`find_demo`, :func:`photo_id`, :func:`strips`, :func:`read_gains`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ccharmony import strict_json
from ccharmony.arrays import Float32, UInt8
from ccharmony.files import make_folder, remove_unfinished, write_bytes
from ccharmony.images import pixels, rendering
from ccharmony.outputs import Job, claim_folder
from ccharmony.records import Chart, Photo
from ccharmony.sources.demo.five_scenes import SCENES
from ccharmony.sources.demo.scene import Scene
from ccharmony.sources.demo.trace import Traced, trace
from ccharmony.sources.found import Found

_LOG = logging.getLogger(__name__)

RECIPE = 1
"""Version of the pictures. It is raised with each change of a scene or its rendering, so that demos on disk are
rendered again; a test compares the pictures with those of this version."""

COVERED = 0.5
"""Share of a pixel that a foreground covers at least where its mask is set."""

_STRIP = 64
"""Rows that are traced at once: some 30 MB of shares at the larger size."""


def find_demo(data_dir: Path, scenes: Sequence[Scene] = SCENES) -> Found:
    """Render the photos of the demo that do not exist yet, and return all of them.

    Parameters
    ----------
    data_dir
        Folder that holds one folder a source; the demo goes to ``demo`` in it.
    scenes
        Scenes to render; all by default.

    Returns
    -------
    Found
        Six photos a scene, 30 in all. The photos of a scene are one group; the scene says to which split they belong.

    Raises
    ------
    OutputError
        The folder cannot be written, or holds files that are not the demo's.
    """
    folder = data_dir / "demo"
    _render_missing(folder, scenes)
    photos = [_photo(folder, scene, light) for scene in scenes for light in scene.lights]
    summary = f"demo: {len(photos)} photos of {len(scenes)} scenes"
    return Found(sorted(photos, key=lambda photo: photo.id), [], [summary])


def photo_id(scene: Scene, light: str) -> str:
    """Return the id of a scene's photo under a light: lights are called by letters, digits and dashes."""
    return f"{scene.name}_{light.replace(' ', '-')}"


def strips(scene: Scene) -> Iterator[tuple[slice, Traced]]:
    """Trace a scene from top to bottom, some rows at a time, and say which."""
    for top in range(0, scene.view.size[0], _STRIP):
        rows = slice(top, min(top + _STRIP, scene.view.size[0]))
        yield rows, trace(scene, rows)


def read_gains(data_dir: Path) -> dict[str, float]:
    """Return the factor by which each photo of a rendered demo was exposed, by photo id."""
    return _read_index(data_dir / "demo").gain


@dataclass(frozen=True)
class Index:
    """What index.json holds: the version of the pictures, the hash of each file, the exposure of each photo."""

    recipe: str
    sha256: dict[str, str] = field(default_factory=dict)
    gain: dict[str, float] = field(default_factory=dict)


def _photo(folder: Path, scene: Scene, light: str) -> Photo:
    name = photo_id(scene, light)
    return Photo(
        id=name,
        source="demo",
        camera=scene.camera,
        path=folder / _photo_file(name),
        chart=Chart(scene.chart_box, scene.chart_corners),
        masks={letter: folder / _mask_file(name, letter) for letter in scene.foregrounds},
        split=scene.split,
        group=scene.name,
    )


def _photo_file(name: str) -> str:
    return f"photos/{name}.png"


def _mask_file(name: str, letter: str) -> str:
    return f"masks/{name}_{letter}.png"


def _is_earlier(folder: Path) -> bool:
    """Return whether a folder holds a demo of a version that wrote no marker."""
    try:
        return "recipe" in strict_json.read_object(folder / "index.json")
    except (OSError, ValueError, TypeError):
        return False


_FOLDERS = ("photos", "masks")
_JOB = Job("the demo", _FOLDERS, is_earlier=_is_earlier)


def _render_missing(folder: Path, scenes: Sequence[Scene]) -> None:
    """Render the scenes of which a file is missing or is not the one that was written."""
    index = _read_index(folder)
    missing = [scene for scene in scenes if not _is_there(folder, scene, index.sha256)]
    if missing:
        with claim_folder(folder, _JOB):
            for name in _FOLDERS:
                remove_unfinished(make_folder(folder / name))
            _render_all(folder, missing, index)


def _render_all(folder: Path, missing: Sequence[Scene], index: Index) -> None:
    for number, scene in enumerate(missing, start=1):
        _LOG.info(
            "demo: rendering scene %d of %d, %s, under %d lights", number, len(missing), scene.name, len(scene.lights)
        )
        _render(folder, scene, index)
        write_bytes(
            folder / "index.json", (json.dumps(dataclasses.asdict(index), indent=1, sort_keys=True) + "\n").encode()
        )


def _render(folder: Path, scene: Scene, index: Index) -> None:
    """Write the photos and masks of a scene and enter them into the index."""
    from ccharmony.sources.demo import spectra  # here, since it imports colour, which takes a second

    lights = tuple(scene.lights)
    colors = [spectra.counts(scene.materials, light, scene.camera).astype(np.float32) for light in lights]
    counts = np.empty((len(lights), *scene.view.size, 3), np.float32)
    masks = {letter: np.empty(scene.view.size, np.float32) for letter in scene.foregrounds}
    for rows, traced in strips(scene):
        for number, color in enumerate(colors):
            counts[number, rows] = traced.shares @ color
        for letter, mask in masks.items():
            mask[rows] = traced.coverage[letter] >= COVERED
    for number, light in enumerate(lights):
        constants = dataclasses.replace(spectra.rendering(scene.camera), compensation=scene.lights[light])
        gain = rendering.meter(counts[number], constants)
        index.gain[photo_id(scene, light)] = gain
        image = rendering.render_linear(counts[number], constants, gain)
        index.sha256.update(_write(folder, photo_id(scene, light), image, masks))


def _write(folder: Path, name: str, image: UInt8, masks: dict[str, Float32]) -> dict[str, str]:
    files = {_photo_file(name): pixels.encode(image, ".png")}
    files |= {_mask_file(name, letter): pixels.encode_mask(mask) for letter, mask in masks.items()}
    for file, data in files.items():
        write_bytes(folder / file, data)
    return {file: hashlib.sha256(data).hexdigest() for file, data in files.items()}


def _is_there(folder: Path, scene: Scene, hashes: dict[str, str]) -> bool:
    names = [photo_id(scene, light) for light in scene.lights]
    files = [_photo_file(name) for name in names]
    files += [_mask_file(name, letter) for name in names for letter in scene.foregrounds]
    return all(_hash(folder / file) == hashes.get(file, "unknown") for file in files)


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "missing"


def _read_index(folder: Path) -> Index:
    """Read the index of pictures of this version; an empty index if there is none, or none that can be read."""
    try:
        index = Index(**strict_json.read_object(folder / "index.json"))
        return index if index.recipe == _recipe() else Index(_recipe())
    except (OSError, ValueError, TypeError):
        return Index(_recipe())


def _recipe() -> str:
    """Return what decides the pictures: the version of the scenes and their rendering, and that of colour-science."""
    return f"{RECIPE}, colour-science {importlib.metadata.version('colour-science')}"
