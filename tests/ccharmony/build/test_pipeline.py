import hashlib
import json
import os
import random
import shutil
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ccharmony import files, sources
from ccharmony.arrays import UInt8
from ccharmony.build import pipeline, resume
from ccharmony.build.photo_cache import PhotoCache
from ccharmony.build.settings import BuildSettings, PairSettings
from ccharmony.checker.chart import STANDARD
from ccharmony.color import transfer
from ccharmony.dataset import tables
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.fits import read_fits, write_fits
from ccharmony.dataset.formats import pair_folder
from ccharmony.dataset.manifest import read_manifest, write_manifest
from ccharmony.dataset.verify import verify_folder
from ccharmony.errors import OutputError, SourceError
from ccharmony.images import headers, pixels
from ccharmony.outputs import claim_folder
from ccharmony.records import Photo
from ccharmony.sources import reading
from ccharmony.sources.found import Found


def settings(tmp_path: Path, **changes: object) -> BuildSettings:
    plain = BuildSettings(("nus",), tmp_path, pair=PairSettings(composites=3, suffix=".png"), test_share=0.5)
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture
def found(photos: list[Photo], monkeypatch: pytest.MonkeyPatch) -> list[Photo]:
    """The photos that every source finds in these tests; a test may change the list."""
    monkeypatch.setattr(sources, "find", lambda *_: Found(photos=list(photos), summary=["nus: 8 photos"]))
    return photos


def digest(root: Path) -> dict[str, str]:
    """Hashes of a dataset's files, but for the report, which holds seconds."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != tables.REPORT)
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.usefixtures("found")
def test_dataset_has_the_layout_and_passes_verify(tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = pipeline.build_dataset(settings(tmp_path), out)
    assert report.pairs == {"train": 12, "test": 12}
    assert report.photos == {"train": 4, "test": 4}
    assert report.problems == []
    written = "build.json ccHarmony_test.txt ccHarmony_train.txt checksums.csv fits.h5 journal.jsonl manifest.csv"
    card = "README.md croissant.json metadata.csv metadata_test.csv metadata_train.csv contact_sheet.jpg"
    folders = ["composite_images", "masks", "real_images", ".made_by.json"]
    assert sorted(path.name for path in out.iterdir()) == sorted([*written.split(), *card.split(), *folders])
    assert (out / "composite_images" / "photo 0_a_1.png").is_file()
    verdict = verify_folder(out)
    assert (verdict.pairs, verdict.photos, verdict.problems) == (24, 8, [])
    assert len(find_pairs(out, "train")[0]) == 12


@pytest.mark.usefixtures("found")
def test_composite_is_the_real_picture_in_the_donors_light(tmp_path: Path, photos: list[Photo]) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings(tmp_path), out)
    row = read_manifest(out / "manifest.csv")[0]
    real, mask = pixels.read_image(out / row.real), pixels.read_mask(out / row.mask)
    composite = pixels.read_image(out / row.composite)
    np.testing.assert_array_equal(composite[mask == 0], real[mask == 0])
    fits = read_fits(out / "fits.h5")
    foreground = transfer.standardize(real, mask, fits[row.photo].to_standard)
    relit = transfer.relight_foreground(foreground, fits[row.donor].from_standard)
    np.testing.assert_array_equal(composite, transfer.paste(real, foreground, relit))
    # The same scene exists in the donor's light: the transfer must come close to it.
    donor = next(photo for photo in photos if photo.id == row.donor)
    truth = pixels.read_image(donor.path)[: real.shape[0], : real.shape[1]]
    before = np.abs(real[mask > 0].astype(float) - truth[mask > 0]).mean()
    after = np.abs(composite[mask > 0].astype(float) - truth[mask > 0]).mean()
    assert after < 0.3 * before


@pytest.mark.usefixtures("found")
def test_donors_are_of_the_same_split_and_never_the_photo_itself(tmp_path: Path) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings(tmp_path), out)
    rows = read_manifest(out / "manifest.csv")
    splits = {row.photo: row.split for row in rows}
    assert all(row.donor != row.photo and splits[row.donor] == row.split for row in rows)


def test_same_bytes_for_any_number_of_jobs_and_any_order(tmp_path: Path, found: list[Photo]) -> None:
    pipeline.build_dataset(settings(tmp_path), tmp_path / "1")
    for jobs in (2, 8):
        random.Random(jobs).shuffle(found)
        pipeline.build_dataset(settings(tmp_path), tmp_path / str(jobs), jobs=jobs)
        assert digest(tmp_path / str(jobs)) == digest(tmp_path / "1")


@pytest.mark.usefixtures("found")
def test_killed_build_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.build_dataset(settings(tmp_path), tmp_path / "whole")
    written: list[Path] = []
    write = files.write_bytes

    def die(path: Path, data: bytes) -> None:
        if path.parent.name == pair_folder.COMPOSITES:
            written.append(path)
            if len(written) == 8:
                path.with_name(f".{path.name}.0a1b2c3d.part").write_bytes(data[:10])
                raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(files, "write_bytes", die)
    out = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        pipeline.build_dataset(settings(tmp_path), out)
    assert not (out / "manifest.csv").exists()
    monkeypatch.setattr(files, "write_bytes", write)
    report = pipeline.build_dataset(settings(tmp_path), out)
    assert report.resumed == 2
    assert digest(out) == digest(tmp_path / "whole")


@pytest.mark.usefixtures("found")
def test_finished_build_is_found_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    first = pipeline.build_dataset(settings(tmp_path), out)
    monkeypatch.setattr(files, "write_bytes", None)  # nothing may be written
    again = pipeline.build_dataset(settings(tmp_path), out)
    assert (again.pairs, again.resumed) == (first.pairs, 8)
    assert not (out / ".build").exists()


def test_a_file_that_gives_nothing_is_named_though_the_dataset_was_finished_before_it_came(
    tmp_path: Path, found: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings(tmp_path), out)
    before = {path.name: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    later = Found(photos=list(found), summary=["nus: 8 photos"], problems=["masks/x_a.png: a mask of no photo"])
    monkeypatch.setattr(sources, "find", lambda *_: later)
    for _ in range(2):
        report = pipeline.build_dataset(settings(tmp_path), out)
        assert report.problems == ["masks/x_a.png: a mask of no photo"]
        assert report.resumed == 8
    assert {path.name: path.stat().st_mtime_ns for path in out.rglob("*.png")} == before
    assert json.loads((out / tables.REPORT).read_text())["problems"] == report.problems


def test_finished_build_is_made_anew_when_an_input_or_a_file_changes(tmp_path: Path, found: list[Photo]) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings(tmp_path), out)
    before = digest(out)
    (out / "real_images" / "photo 3.png").unlink()
    assert pipeline.build_dataset(settings(tmp_path), out).resumed == 7
    assert digest(out) == before
    pixels.write_image(found[0].path, pixels.read_image(found[0].path) // 2 + 60)
    assert pipeline.build_dataset(settings(tmp_path), out).resumed == 0
    assert digest(out) != before


@pytest.mark.usefixtures("found")
def test_crop_removes_the_chart_and_no_crop_keeps_the_photo(tmp_path: Path) -> None:
    pipeline.build_dataset(settings(tmp_path), tmp_path / "crop")
    pipeline.build_dataset(settings(tmp_path, pair=PairSettings(2, ".png", crop=False)), tmp_path / "whole")
    assert headers.image_size(tmp_path / "crop" / "real_images" / "photo 1.png") == (120, 128)
    assert headers.image_size(tmp_path / "whole" / "real_images" / "photo 1.png") == (120, 200)
    assert verify_folder(tmp_path / "whole").problems == []


@pytest.mark.usefixtures("found")
def test_size_limits_the_longest_side(tmp_path: Path) -> None:
    pipeline.build_dataset(settings(tmp_path, pair=PairSettings(2, ".jpg", size=64)), tmp_path / "out")
    assert headers.image_size(tmp_path / "out" / "real_images" / "photo 1.jpg") == (60, 64)
    assert verify_folder(tmp_path / "out").problems == []


def test_bad_photos_are_reported_and_the_rest_goes_on(
    tmp_path: Path, found: list[Photo], make_photo: Callable[..., Photo]
) -> None:
    truncated = make_photo("truncated")
    truncated.path.write_bytes(truncated.path.read_bytes()[:500])
    nan = np.full((24, 3), 0.5)
    nan[3] = np.nan
    gone = make_photo("vanished")
    gone.path.unlink()
    empty = make_photo("empty mask")
    pixels.write_mask(next(iter(empty.masks.values())), np.zeros((120, 200)))  # type: ignore[arg-type]
    other = make_photo("other size")
    pixels.write_mask(next(iter(other.masks.values())), np.ones((50, 31)))  # type: ignore[arg-type]
    found += [truncated, gone, empty, other, replace(make_photo("nan"), patches=nan, chart=None)]
    report = pipeline.build_dataset(settings(tmp_path, fit="published"), tmp_path / "out")
    text = "\n".join(report.problems)
    for part in (
        "truncated.png: truncated PNG",
        "vanished.png: cannot be read",
        "empty mask_a: mask is empty",
        "other size_a: ",
        "nan: 23 usable patches",
    ):
        assert part in text
    assert sum(report.pairs.values()) == 24
    assert verify_folder(tmp_path / "out").problems == []


def test_strict_stops_at_the_first_bad_photo(
    tmp_path: Path, found: list[Photo], make_photo: Callable[..., Photo]
) -> None:
    bad = make_photo("bad")
    bad.path.write_bytes(b"")
    found.insert(0, bad)
    with pytest.raises(Exception, match=r"bad\.png: 0 bytes"):
        pipeline.build_dataset(settings(tmp_path), tmp_path / "out", strict=True)


def test_excluded_photos_are_left_out_and_fits_overridden(tmp_path: Path, found: list[Photo]) -> None:
    wanted = settings(tmp_path, exclude=frozenset([found[0].id]), override={found[1].id: "affine"})
    pipeline.build_dataset(wanted, tmp_path / "out")
    kinds = {record.id: record.kind for record in read_fits(tmp_path / "out" / "fits.h5").records}
    assert found[0].id not in kinds
    assert kinds[found[1].id] == "affine"
    assert kinds[found[2].id] == "ridge"


@pytest.mark.usefixtures("found")
def test_folder_with_a_dataset_of_other_settings_is_refused_untouched(tmp_path: Path) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings(tmp_path), out)
    before = digest(out)
    with pytest.raises(OutputError, match=r"holds a dataset of other settings \(fit\)"):
        pipeline.build_dataset(settings(tmp_path, fit="affine"), out)
    assert digest(out) == before


@pytest.mark.usefixtures("found")
def test_second_build_into_a_folder_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with claim_folder(out, resume.JOB), pytest.raises(OutputError, match="another job is writing here"):
        pipeline.build_dataset(settings(tmp_path), out)


@pytest.mark.usefixtures("found")
def test_output_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        pipeline.build_dataset(settings(tmp_path), tmp_path / "file" / "out")


def test_pictures_that_no_row_names_are_removed(tmp_path: Path, found: list[Photo]) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings(tmp_path), out)
    del found[-2:]
    pipeline.build_dataset(settings(tmp_path), out)
    assert verify_folder(out).problems == []
    assert not (out / "real_images" / "photo 7.png").exists()


def test_photos_without_masks_give_one_clear_error(tmp_path: Path, found: list[Photo]) -> None:
    found[:] = [replace(photo, source="nus", masks={}) for photo in found]
    (tmp_path / "nus").mkdir()
    with pytest.raises(SourceError, match=r"8 photos, 0 masks, 8 charts .* wanted masks such as .*photo 0_a\.png"):
        pipeline.build_dataset(settings(tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_report_tells_settings_versions_and_counts(tmp_path: Path, found: list[Photo]) -> None:
    pipeline.build_dataset(settings(tmp_path), tmp_path / "out")
    report = json.loads((tmp_path / "out" / "build.json").read_text())
    assert report["settings"]["fit"] == "ridge"
    assert report["settings"]["pair"]["composites"] == 3
    assert report["pairs"] == {"train": 12, "test": 12}
    assert report["versions"]["numpy"] == np.__version__
    assert len(found) == 8


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda out: (out / "masks" / "photo 0_a.png").unlink(), "photo 0_a.png: absent"),
        (lambda out: (out / "composite_images" / "photo 0_a_2.png").write_bytes(b"x"), "sha256"),
        (
            lambda out: shutil.copy(out / "masks" / "photo 0_a.png", out / "masks" / "stray.png"),
            "no row of the manifest",
        ),
        (lambda out: (out / "ccHarmony_train.txt").write_text("photo 0_a_1.png\n"), "differ in"),
        (lambda out: (out / "fits.h5").write_bytes(b"no"), "not a fits.h5"),
    ],
)
@pytest.mark.usefixtures("found")
def test_verify_finds_damage(tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings(tmp_path), out)
    damage(out)
    assert any(message in problem for problem in verify_folder(out).problems)


@pytest.mark.usefixtures("found")
def test_verify_finds_a_changed_background_whatever_the_hash(tmp_path: Path) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings(tmp_path), out)
    rows = read_manifest(out / "manifest.csv")
    path = out / rows[0].composite
    picture = pixels.read_image(path)
    picture[0, 0] ^= 1
    pixels.write_image(path, picture)
    rows[0] = replace(rows[0], composite_sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    write_manifest(out / "manifest.csv", rows)
    problems = verify_folder(out).problems
    assert [problem for problem in problems if "background differs" in problem] == problems[-1:]


def test_work_stops_between_composites(tmp_path: Path, photos: list[Photo]) -> None:
    from ccharmony.build import pairs
    from ccharmony.build.light import record_light

    for name in (pair_folder.COMPOSITES, pair_folder.MASKS, pair_folder.REALS):
        (tmp_path / name).mkdir()
    found = {photo.id: record_light(reading.read_photo(photo), photo, "ridge") for photo in photos}
    own = found[photos[0].id]
    others = {name: light.record for name, light in found.items() if name != photos[0].id}
    stop = threading.Event()
    stop.set()
    light = pairs.PhotoLights(own.record, others, own.box, "train")
    with pytest.raises(pairs.StoppedError):
        pairs.make_pairs(photos[0], reading.read_photo(photos[0]), light, PairSettings(), tmp_path, stop)
    assert list((tmp_path / pair_folder.COMPOSITES).iterdir()) == []


@pytest.mark.usefixtures("found")
def test_lights_of_a_file_are_lent_too(tmp_path: Path, photos: list[Photo]) -> None:
    pipeline.build_dataset(settings(tmp_path), tmp_path / "other")
    fits = read_fits(tmp_path / "other" / "fits.h5")
    pool = [replace(record, id=f"pool {record.id}") for record in fits.records]
    write_fits(tmp_path / "pool.h5", pool, STANDARD)
    pipeline.build_dataset(settings(tmp_path, lights=tmp_path / "pool.h5"), tmp_path / "out")
    rows = read_manifest(tmp_path / "out" / "manifest.csv")
    assert any(row.donor.startswith("pool ") for row in rows)
    split = {record.id: record.split for record in pool}
    assert all(split.get(row.donor, row.split) == row.split for row in rows)
    assert len(read_fits(tmp_path / "out" / "fits.h5").ids) == 2 * len(photos)
    assert verify_folder(tmp_path / "out").problems == []


def test_photo_without_a_chart_uses_the_nearest_recorded_light(tmp_path: Path, found: list[Photo]) -> None:
    pipeline.build_dataset(settings(tmp_path, test_share=0.0), tmp_path / "lights")
    fits = tmp_path / "lights" / "fits.h5"
    found[:] = [replace(found[2], id="plain", chart=None, charted=False)]
    wanted = settings(tmp_path, lights=fits, test_share=0.0)
    report = pipeline.build_dataset(wanted, tmp_path / "out")
    rows = read_manifest(tmp_path / "out" / "manifest.csv")
    own = {row.fit_kind for row in rows}
    assert len(own) == 1
    fit_kind = own.pop()
    assert fit_kind.startswith("borrowed:photo ")
    assert fit_kind.split(":")[1] not in {row.donor for row in rows}
    assert report.pairs == {"train": 3}
    assert headers.image_size(tmp_path / "out" / "real_images" / "plain.png") == (120, 200)
    assert verify_folder(tmp_path / "out").problems == []


@pytest.mark.parametrize(("most", "times"), [(2**28, 1), (0, 2)])
def test_a_photo_is_decoded_once_where_memory_allows_and_one_without_a_chart_always(
    most: int, times: int, tmp_path: Path, found: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = replace(found[7], chart=None, charted=False)
    found[7:] = [bare]
    read: list[str] = []

    def count(photo: Photo, **options: object) -> UInt8:
        read.append(photo.id)
        return original(photo, **options)  # type: ignore[arg-type]

    original = reading.read_photo
    monkeypatch.setattr(reading, "read_photo", count)
    monkeypatch.setattr(pipeline, "PhotoCache", lambda: PhotoCache(most))
    pipeline.build_dataset(settings(tmp_path), tmp_path / "out", jobs=2)
    assert sorted(read) == sorted([*(photo.id for photo in found[:7] for _ in range(times)), bare.id])


def test_photo_without_a_chart_needs_recorded_lights(tmp_path: Path, found: list[Photo]) -> None:
    found[:] = [replace(found[2], chart=None, charted=False)]
    with pytest.raises(SourceError, match="wanted --lights"):
        pipeline.build_dataset(settings(tmp_path), tmp_path / "out")


def test_changed_archive_of_masks_is_read_again(tmp_path: Path, found: list[Photo]) -> None:
    from ccharmony.sources.release.archive import Member

    archive = tmp_path / "masks.zip"
    for wanted in (0, 8, 0):  # new, the same at another time, and of another size
        if wanted != 8:
            with zipfile.ZipFile(archive, "w") as packed:
                packed.write(found[0].path.parent / "photo 0_a.png", "a.png")
        found[0] = replace(found[0], masks={"a": Member(archive, "a.png")})
        assert pipeline.build_dataset(settings(tmp_path), tmp_path / "out").resumed == wanted
        os.utime(archive, (1, 1))
        mask = np.zeros((120, 200), bool)
        mask[40:80, 20:60] = True
        pixels.write_mask(found[0].path.parent / "photo 0_a.png", mask)


def test_a_single_photo_says_that_it_has_no_donor(tmp_path: Path, found: list[Photo]) -> None:
    found[:] = found[:1]
    with pytest.raises(SourceError, match="no other photo of its split is a donor, wanted two photos a split"):
        pipeline.build_dataset(settings(tmp_path), tmp_path / "out")


@pytest.mark.parametrize(
    ("count", "share", "wanted"),
    [(2, 0.5, {"train": 2}), (3, 0.2857, {"train": 3}), (3, 0.5, {"train": 3}), (4, 0.5, {"train": 2, "test": 2})],
)
def test_few_photos_are_all_used(
    tmp_path: Path, found: list[Photo], count: int, share: float, wanted: dict[str, int]
) -> None:
    found[:] = [found[0], found[7], found[3], found[5]][:count]
    report = pipeline.build_dataset(settings(tmp_path, test_share=share), tmp_path / "out")
    assert report.photos == wanted
    assert report.problems == []
    assert any("too few lights for a test set" in line for line in report.found) == (len(wanted) == 1)
