"""One folder of pairs: where its composites, masks and real pictures lie, and which of them belong together.

::

    <SET>/composite_images/c1_2_3.jpg   ->   masks/c1_2.png   ->   real_images/c1.jpg      iHarmony4's names
    <SET>/composite/7.png               ->   mask/7.png       ->   real/7.png              equal names

Which of the two rules holds is decided for the whole folder, by how many composites are complete under it: under equal
names `a_1_2`, `a_1` and `a` are three pairs, under iHarmony4's one. Case and extension vary between mirrors, and some
keep each foreground's composites in a folder of its own: all are resolved.
"""

from __future__ import annotations

import functools
import itertools
import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ccharmony.dataset.formats.names import Partners, list_pictures, split_name
from ccharmony.dataset.formats.pair_files import PairPaths
from ccharmony.errors import SourceError

COMPOSITES, MASKS, REALS = "composite_images", "masks", "real_images"

_ALSO = {
    COMPOSITES: ("composite", "composites", "comp", "comps"),
    MASKS: ("mask",),
    REALS: ("real", "reals", "gt", "target", "targets"),
}
"""Other names of the three folders; they count where all three are there."""

_logger = logging.getLogger(__name__)


def is_pair_folder(folder: Path) -> bool:
    """Return whether a folder holds pairs: composite_images, or all three folders under other usual names."""
    return (folder / COMPOSITES).is_dir() or all(_find_folder(folder, role).is_dir() for role in _ALSO)


class PairFolder:
    """A dataset's three folders, indexed once.

    Attributes
    ----------
    root
        The folder that holds the three.
    composites
        Every composite, sorted, sub-folders included.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folder = _find_folder(root, COMPOSITES)
        self.composites = list_pictures(self._folder)
        self._by_stem = _index(self.composites)
        self._mask_of, self._real_of = (_index(list_pictures(_find_folder(root, role))) for role in (MASKS, REALS))
        self._equal = self._has_equal_names()
        if self._equal:
            _logger.info("%s: mask and real picture of a composite are those of its own name", root)

    def name_of(self, composite: Path) -> str:
        """Return what a composite is called: its file name, with its sub-folder where two have the same one."""
        alone = len(self._by_stem[composite.stem.lower()]) == 1
        return composite.name if alone else composite.relative_to(self._folder).as_posix()

    def find(self, name: str) -> Path:
        """Return the composite that a line of a list names, its extension aside; raises SourceError."""
        found = self.candidates(name)
        if not found:
            raise SourceError(f"{self._folder / PurePosixPath(name).name}: no such composite")
        return _only(found, PurePosixPath(name).name)

    def candidates(self, name: str) -> list[Path]:
        """Return the composites that a line of a list could mean: of equal names, those in the sub-folder it names."""
        found = self._by_stem.get(PurePosixPath(name).stem.lower(), [])
        if len(found) < 2:
            return found
        return [path for path in found if path.as_posix().lower().endswith(f"/{name.lower()}")] or found

    def resolve(self, composite: Path, split: str) -> PairPaths:
        """Return the pair of a composite; raises SourceError that names the part which is absent."""
        mask, real = self._find_equal(composite) if self._equal else self._find_iharmony4(composite)
        photo = real.stem if len(self._real_of[real.stem.lower()]) == 1 else f"{real.parent.name}/{real.stem}"
        return PairPaths(self.root.name, self.name_of(composite), composite, mask, real, split, photo)

    def _find_iharmony4(self, path: Path) -> tuple[Path, Path]:
        foreground, real = split_name(path.stem)
        if not real:
            other = "or mask and real picture of its own name"
            raise SourceError(f"{path}: name of another form, wanted <real>_<foreground>_<number>, {other}")
        masks, reals = self._mask_of.get(foreground.lower()), self._real_of.get(real.lower())
        if not masks:
            raise SourceError(f"{path}: no mask {foreground} in {MASKS}")
        if not reals:
            raise SourceError(f"{path}: no real picture {real} in {REALS}")
        return _only(masks, foreground), _only(reals, real)

    def _find_equal(self, path: Path) -> tuple[Path, Path]:
        name = path.relative_to(self._folder)
        masks, reals = self._partners
        mask, real = masks.find(name), reals.find(name)
        if mask is None or real is None:
            absent = masks if mask is None else reals
            raise SourceError(f"{path}: no {absent.kind} of that name in {absent.root}")
        return mask, real

    @functools.cached_property
    def _partners(self) -> tuple[Partners, Partners]:
        """Masks and real pictures, to be found by equal names."""
        masks, reals = _find_folder(self.root, MASKS), _find_folder(self.root, REALS)
        return (
            Partners(itertools.chain(*self._mask_of.values()), masks),
            Partners(itertools.chain(*self._real_of.values()), reals, "real"),
        )

    def _has_equal_names(self) -> bool:
        """Return whether more composites are complete under equal names than under iHarmony4's."""
        names = [split_name(stem) for stem, paths in self._by_stem.items() for _ in paths]
        split = sum(foreground in self._mask_of and real in self._real_of for foreground, real in names)
        if split == len(names):
            return False
        masks, reals = self._partners
        relative = [path.relative_to(self._folder) for path in self.composites]
        return sum(masks.has(name) and reals.has(name) for name in relative) > split


def _find_folder(root: Path, role: str) -> Path:
    """Return a dataset's folder of composites, masks or real pictures, whatever its case; iHarmony4's if absent."""
    if (root / role).is_dir() or not root.is_dir():
        return root / role
    by_name = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    return next((by_name[name] for name in (role, *_ALSO[role]) if name in by_name), root / role)


def _index(paths: Sequence[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        found[path.stem.lower()].append(path)
    return found


def _only(found: Sequence[Path], name: str) -> Path:
    """Return the one file found, that of exactly this name where there are several; raises SourceError."""
    exact = [path for path in found if name in (path.name, path.stem)] if len(found) > 1 else found
    if len(exact) == 1:
        return exact[0]
    names = ", ".join(str(path) for path in found[:3])
    raise SourceError(f"{names}: {len(found)} files of one name, wanted one")
