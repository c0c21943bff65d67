"""Pictures that another method made, found by the names of the composites."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from ccharmony import listing
from ccharmony.arrays import UInt8
from ccharmony.dataset.formats.names import list_pictures
from ccharmony.dataset.formats.pair_files import PairPaths
from ccharmony.errors import ImageError, SourceError
from ccharmony.images import pixels


class Predictions:
    """A folder of predictions, each found by its composite's name without the extension.

    Parameters
    ----------
    folder
        Any layout below it. Where several files have a composite's name, the one in a folder called as its set, or as
        the sub-folder in the composite's name, is its prediction.

    Raises
    ------
    SourceError
        There is no such folder, or no picture in it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise SourceError(f"{folder}: {listing.why_no_folder(folder)}, wanted one of predictions")
        self.folder = folder
        self._paths: dict[str, list[Path]] = defaultdict(list)
        for path in list_pictures(folder):
            self._paths[path.stem.lower()].append(path)
        if not self._paths:
            raise SourceError(f"{folder}: no picture in it, wanted predictions named after their composites")

    def find(self, pair: PairPaths) -> Path:
        """Return the prediction of a pair; raises ImageError where there is none."""
        return self._find(pair.name, pair.set)

    def read(self, pair: PairPaths, *sizes: tuple[int, int]) -> UInt8:
        """Read the prediction of a pair.

        Parameters
        ----------
        pair
            The pair.
        sizes
            Height and width that it may have, in pixels.

        Returns
        -------
        UInt8
            Picture (H, W, 3), RGB, 8 bits.

        Raises
        ------
        ImageError
            There is none of that name, it cannot be read, or it has another size.
        """
        return self.read_named(pair.name, *sizes, folder=pair.set)

    def read_named(self, name: str, *sizes: tuple[int, int], folder: str = "") -> UInt8:
        """Read the prediction of a composite by its file name, preferably from a folder of that name; as `read`."""
        path = self._find(name, folder)
        prediction = pixels.read_image(path)
        if prediction.shape[:2] not in sizes:
            wanted = " or ".join(dict.fromkeys(f"{width}x{height}" for height, width in sizes))
            raise ImageError(f"{path}: prediction of {prediction.shape[1]}x{prediction.shape[0]}, wanted {wanted}")
        return prediction

    def _find(self, name: str, folder: str) -> Path:
        """Return the prediction of a name; raises ImageError where there is none, or nothing tells several apart."""
        where = f"{folder}/{name}" if folder else name
        found = self._paths.get(Path(name).stem.lower(), [])
        for part in filter(None, (Path(name).parent.name, folder)):
            found = [path for path in found if part.lower() in self._folders_of(path)] or found
        if not found:
            raise ImageError(f"{where}: no prediction of that name in {self.folder}")
        if len(found) > 1:
            names = ", ".join(path.relative_to(self.folder).as_posix() for path in found[:3])
            raise ImageError(f"{where}: {len(found)} predictions of that name in {self.folder} ({names}), wanted one")
        return found[0]

    def _folders_of(self, path: Path) -> list[str]:
        return [part.lower() for part in path.relative_to(self.folder).parts[:-1]]
