"""Pictures that another method made, found by the names of the composites."""

from __future__ import annotations

from pathlib import Path

from ccharmony.arrays import UInt8
from ccharmony.dataset.formats.names import is_picture
from ccharmony.dataset.formats.pair_files import PairPaths
from ccharmony.errors import ImageError, SourceError
from ccharmony.images import pixels


class Predictions:
    """A folder of predictions, each found by its composite's name without the extension.

    Parameters
    ----------
    folder
        Any layout below it; ``<set>/<name>`` is preferred where two sets have a composite of one name.

    Raises
    ------
    SourceError
        There is no such folder, or no picture in it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise SourceError(f"{folder}: no such folder, wanted one of predictions")
        self.folder = folder
        self._paths: dict[tuple[str, ...], Path] = {}
        for path in sorted(folder.rglob("*")):
            if is_picture(path):
                self._paths.setdefault((path.stem.lower(),), path)
                for part in path.relative_to(folder).parts[:-1]:
                    self._paths.setdefault((part.lower(), path.stem.lower()), path)
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
        stem = Path(name).stem.lower()
        path = self._paths.get((folder.lower(), stem)) or self._paths.get((stem,))
        if path is None:
            where = f"{folder}/{name}" if folder else name
            raise ImageError(f"{where}: no prediction of that name in {self.folder}")
        return path
