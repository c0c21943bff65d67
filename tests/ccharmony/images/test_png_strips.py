"""PNGs and TIFFs of many strips are whole pictures to other readers, and are never whole in memory."""

import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest

from ccharmony.images import png_strips, tiff
from ccharmony.images.picture import Picture, read_picture
from ccharmony.images.write_picture import write_picture


def noise(shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(41, 30), (41, 30, 2), (41, 30, 3), (41, 30, 4), (1, 1, 3)])
@pytest.mark.parametrize("strip", [1, 500, 10**6])
def test_strips_of_any_size_are_one_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], dtype: type[np.generic], strip: int
) -> None:
    monkeypatch.setattr(png_strips, "STRIP_BYTES", strip)
    values = noise(shape, dtype)
    has_alpha = values.ndim == 3 and shape[2] in (2, 4)
    colors = (values[..., :-1] if has_alpha else values).squeeze(axis=2 if shape[2:] == (2,) else ())
    write_picture(tmp_path / "a.png", Picture(colors, values[..., -1] if has_alpha else None))
    np.testing.assert_array_equal(imagecodecs.png_decode((tmp_path / "a.png").read_bytes()), values)


def test_the_checksum_of_all_strips_is_that_of_their_bytes() -> None:
    """zlib refuses another one, most decoders of PNG do not look."""
    values = noise((3000, 500, 3), np.uint8)
    assert len(zlib.decompress(b"".join(png_strips.compressed(values)))) == 3000 * (1 + 1500)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_as_many_threads_are_started_as_opencv_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    asked = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, threads: int, **options: str) -> None:
            asked.append(threads)
            super().__init__(threads, **options)

    monkeypatch.setattr(png_strips, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr("tifffile.tifffile.ThreadPoolExecutor", Pool)
    monkeypatch.setattr(cv2, "getNumThreads", lambda: 3)
    write_picture(tmp_path / f"a{suffix}", Picture(noise((200, 9), np.uint8)))
    read_picture(tmp_path / f"a{suffix}")
    assert asked == ([3] if suffix == ".png" else [3, 3])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_file_is_never_whole_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(png_strips, "STRIP_BYTES", 2**14)
    monkeypatch.setattr(tiff, "_BUFFER", 2**14)
    picture = Picture(noise((1024, 1024, 3), np.uint8))
    write_picture(tmp_path / f"first{suffix}", picture)  # what is imported once is no file's
    tracemalloc.start()
    try:
        write_picture(tmp_path / f"a{suffix}", picture)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < (tmp_path / f"a{suffix}").stat().st_size / 2
