"""A dataset is finished when it is whole: what is missing, damaged or could not be read is made by the next build."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ccharmony.build import pipeline
from ccharmony.build.settings import BuildSettings
from ccharmony.dataset.packing.verify import verify_dataset
from ccharmony.errors import ImageError, OutputError
from ccharmony.images import mask_files, pixels
from ccharmony.sources import reading

from .. import kill_loop
from ..kill_loop import contents, leftovers


@pytest.fixture
def settings(tmp_path: Path) -> BuildSettings:
    return kill_loop.write_source(tmp_path / "data", 4)


@pytest.fixture
def out(settings: BuildSettings, tmp_path: Path) -> Path:
    """A finished dataset."""
    pipeline.build_dataset(settings, tmp_path / "out")
    return tmp_path / "out"


def times(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in out.rglob("*.png")}


DAMAGES: dict[str, tuple[Callable[[Path], object], int]] = {
    "composite emptied": (lambda out: (out / "composite_images" / "p1_a_1.png").write_bytes(b""), 3),
    "mask cut": (lambda out: os.truncate(out / "masks" / "p2_a.png", 40), 3),
    "real picture gone": (lambda out: (out / "real_images" / "p3.png").unlink(), 3),
    "list gone": (lambda out: (out / "ccHarmony_train.txt").unlink(), 4),
    "list changed": (lambda out: (out / "ccHarmony_test.txt").write_text("x\n"), 4),
    "manifest gone": (lambda out: (out / "manifest.csv").unlink(), 4),
    "fits emptied": (lambda out: (out / "fits.h5").write_bytes(b""), 4),
    "report gone": (lambda out: (out / "build.json").unlink(), 4),
    "checksums gone": (lambda out: (out / "checksums.csv").unlink(), 4),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_missing_is_made_again_and_nothing_else(out: Path, settings: BuildSettings, damage: str) -> None:
    whole, before = contents(out), times(out)
    change, kept = DAMAGES[damage]
    change(out)
    assert pipeline.build_dataset(settings, out).resumed == kept
    assert {name: value for name, value in contents(out).items() if name != "build.json"} == {
        name: value for name, value in whole.items() if name != "build.json"
    }
    assert sum(time != before[name] for name, time in times(out).items()) in (0, 3)  # of one photo
    assert leftovers(out) == [path for path in leftovers(out) if path.endswith(".made_by.json")]
    assert verify_dataset(out).problems == []


def test_flipped_bit_is_found_on_request(out: Path, settings: BuildSettings) -> None:
    whole, path = contents(out), out / "masks" / "p2_a.png"
    data = path.read_bytes()
    path.write_bytes(data[:-5] + bytes([data[-5] ^ 1]) + data[-4:])
    assert pipeline.build_dataset(settings, out).resumed == 4
    assert pipeline.build_dataset(settings, out, check=True).resumed == 3
    assert contents(out)["masks/p2_a.png"] == whole["masks/p2_a.png"]


def test_photo_that_could_not_be_read_once_is_tried_again(
    settings: BuildSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = reading.read_photo

    def fail(photo: object, **options: object) -> object:
        if photo.id == "p1":  # type: ignore[attr-defined]
            raise ImageError("p1: cannot be read (Input/output error)")
        return read(photo, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(reading, "read_photo", fail)
        assert pipeline.build_dataset(settings, tmp_path / "out").unread == 1
    assert pipeline.build_dataset(settings, tmp_path / "out").problems == []
    pipeline.build_dataset(settings, tmp_path / "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_mask_that_could_not_be_read_once_is_tried_again(
    settings: BuildSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = mask_files.read_stored_mask

    def fail(path: Path, **options: object) -> object:
        if path.name == "p1_a.png":
            raise ImageError(f"{path}: cannot be read (Input/output error)") from OSError(5, "Input/output error")
        return read(path, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(mask_files, "read_stored_mask", fail)
        assert pipeline.build_dataset(settings, tmp_path / "out").unread == 1
    report = pipeline.build_dataset(settings, tmp_path / "out")
    assert (report.problems, report.resumed) == ([], 3)


def test_fresh_is_refused_for_a_whole_dataset_alone(out: Path, settings: BuildSettings) -> None:
    with pytest.raises(OutputError, match="holds a finished dataset, which --fresh leaves alone"):
        pipeline.build_dataset(settings, out, fresh=True)
    (out / "masks" / "p2_a.png").write_bytes(b"")
    assert pipeline.build_dataset(settings, out, fresh=True).resumed == 0
    assert verify_dataset(out).problems == []


def test_data_that_were_renamed_or_copied_are_the_same(out: Path, settings: BuildSettings, tmp_path: Path) -> None:
    copied = shutil.copytree(settings.data, tmp_path / "another name", copy_function=shutil.copyfile)
    assert pipeline.build_dataset(replace(settings, data=copied), out).resumed == 4
    renamed = Path(settings.data).rename(tmp_path / "third name")
    assert pipeline.build_dataset(replace(settings, data=renamed), out).resumed == 4


def test_other_data_under_another_name_are_refused_and_nothing_is_changed(out: Path, tmp_path: Path) -> None:
    before = contents(out)
    other = kill_loop.write_source(tmp_path / "other", 3)
    with pytest.raises(OutputError, match=r"holds a dataset of other settings \(data\)"):
        pipeline.build_dataset(other, out)
    assert contents(out) == before


def test_photo_of_the_same_size_and_other_content_is_worked_on_again(settings: BuildSettings, tmp_path: Path) -> None:
    path = Path(settings.data) / "folder" / "photos" / "p1.png"
    data = path.read_bytes()
    pixels.write_image(path, pixels.read_image(path) // 2 + 60)
    changed = path.read_bytes()
    longest = max(len(data), len(changed)) + 12
    for name, content in (("before", data), ("after", changed)):
        folder = shutil.copytree(settings.data, tmp_path / name / "data")
        padded = content[:-12] + _chunk(longest - len(content)) + content[-12:]  # a chunk that readers skip
        (folder / "folder" / "photos" / "p1.png").write_bytes(padded)
    of = {name: replace(settings, data=tmp_path / name / "data") for name in ("before", "after")}
    pipeline.build_dataset(of["before"], tmp_path / "set")
    pipeline.build_dataset(of["after"], tmp_path / "set")
    pipeline.build_dataset(of["after"], tmp_path / "wanted")
    assert contents(tmp_path / "set") == contents(tmp_path / "wanted")


def _chunk(size: int) -> bytes:
    import zlib

    body = b"teXt" + b"k\0" + b"x" * (size - 14)
    return (size - 12).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
