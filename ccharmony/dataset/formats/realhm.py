"""RealHM, 216 real composites with the answers of retouchers: its folders read as pairs.

::

    vendor_testing_1/X.jpg or X_small.jpg   composite
                     X_mask.jpg             mask
                     X_fore.jpg             the background, whatever its name says
                     X_gt.jpg               harmonized by a retoucher: the answer
    vendor_testing_2/ …, vendor_testing_3/ …

The field scores it at 256×256 with a peak of 255, which is ``harmonize evaluate --protocol standard``; LPIPS, which
some papers add, needs weights that are not bundled here, and is left out.

References
----------
Jiang et al.: SSH: A Self-Supervised Framework for Image Harmonization, ICCV 2021.
"""

from __future__ import annotations

from pathlib import Path

from ccharmony.dataset.formats.pair_files import PairPaths
from ccharmony.errors import SourceError
from ccharmony.images.headers import READABLE_SUFFIXES

FOLDERS = "vendor_testing_*"

_ANSWER = "_gt"


def is_realhm(root: Path) -> bool:
    """Return whether a folder has RealHM's layout."""
    return any(path.is_dir() for path in root.glob(FOLDERS))


def find_pairs(root: Path, *, strict: bool = False) -> tuple[list[PairPaths], list[str]]:
    """Find the pairs, in the order of their folders and names; all are for testing.

    Parameters
    ----------
    root
        Folder that holds ``vendor_testing_1`` to ``vendor_testing_3``.
    strict
        Whether the first broken pair is an error.

    Returns
    -------
    tuple[list[PairPaths], list[str]]
        Pairs, their set named after the folder, and one line for each pair that is broken.

    Raises
    ------
    SourceError
        There is no complete pair; with `strict`, a pair is broken.
    """
    pairs: list[PairPaths] = []
    problems: list[str] = []
    for folder in sorted(path for path in root.glob(FOLDERS) if path.is_dir()):
        files = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in READABLE_SUFFIXES}
        for stem in sorted(files):
            if stem.endswith(_ANSWER):
                found = _find_pair(folder, files, stem.removesuffix(_ANSWER))
                if isinstance(found, PairPaths):
                    pairs.append(found)
                elif strict:
                    raise SourceError(found)
                else:
                    problems.append(found)
    if not pairs:
        raise SourceError(f"{root}: no complete pair in {FOLDERS} ({len(problems)} broken), RealHM's layout wanted")
    return pairs, problems


def _find_pair(folder: Path, files: dict[str, Path], name: str) -> PairPaths | str:
    """Return one pair, or what is missing of it."""
    composite, mask = files.get(name) or files.get(f"{name}_small"), files.get(f"{name}_mask")
    if composite is None or mask is None:
        wanted = f"{name}.jpg or {name}_small.jpg" if composite is None else f"{name}_mask.jpg"
        return f"{folder / name}: the answer exists, {wanted} does not"
    return PairPaths(folder.name, composite.name, composite, mask, files[name + _ANSWER], photo=name)
