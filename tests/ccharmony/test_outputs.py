"""Folders and files that are refused, or claimed; each reported loss as a user would meet it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ccharmony import cli, files
from ccharmony.build.pipeline import build_dataset
from ccharmony.build.settings import BuildSettings
from ccharmony.dataset.packing.pack import pack_dataset
from ccharmony.dataset.verify import verify_folder
from ccharmony.errors import OutputError
from ccharmony.outputs import MARKER, Job, check_files, claim_folder

from . import kill_loop

JOB = Job("ccharmony build", ("real_images",), ("source",))


def ccharmony(*words: object) -> Result:
    return CliRunner().invoke(cli.group, [str(word) for word in words])


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture
def settings(tmp_path: Path) -> BuildSettings:
    """How to build four photos of a folder of one's own."""
    return kill_loop.write_source(tmp_path / "data", 4)


def claim(folder: Path, job: Job = JOB, *inputs: Path) -> None:
    with claim_folder(folder, job, inputs):
        (folder / "result").write_text("done")


def test_a_folder_is_claimed_when_it_is_absent_empty_or_marked_by_the_same_job(tmp_path: Path) -> None:
    (tmp_path / "empty" / "source").mkdir(parents=True)
    (tmp_path / "empty" / ".DS_Store").write_text("")
    for name in ("absent", "empty", "absent"):
        claim(tmp_path / name)
    assert json.loads((tmp_path / "absent" / MARKER).read_text())["made_by"] == "ccharmony build"
    with pytest.raises(OutputError, match=r"absent: made by ccharmony build, wanted a new or an empty folder"):
        claim(tmp_path / "absent", Job("ccharmony merge"))


def test_a_job_that_writes_nothing_leaves_no_folder_behind(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("new", "there"):
        with pytest.raises(ValueError, match="no photo"), claim_folder(tmp_path / name, JOB):
            raise ValueError("no photo")
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_a_marker_that_is_a_link_or_no_marker_claims_nothing(tmp_path: Path) -> None:
    claim(tmp_path / "own")
    for name in ("linked", "broken"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "diary.txt").write_text("mine")
    (tmp_path / "linked" / MARKER).symlink_to(tmp_path / "own" / MARKER)
    (tmp_path / "broken" / MARKER).write_text("{")
    for name in ("linked", "broken"):
        with pytest.raises(OutputError, match=r"holds 'diary.txt', which ccharmony build did not write"):
            claim(tmp_path / name)


def test_a_part_that_is_a_link_is_refused(tmp_path: Path) -> None:
    claim(tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "out" / "real_images").symlink_to(tmp_path / "mine")
    with pytest.raises(OutputError, match=r"real_images: a link, which ccharmony build does not follow"):
        claim(tmp_path / "out")


def test_a_folder_in_an_input_or_around_one_is_refused_by_any_name(tmp_path: Path) -> None:
    photos = tmp_path / "data" / "photos"
    photos.mkdir(parents=True)
    (tmp_path / "other name").symlink_to(tmp_path / "data")
    for out in (photos, photos / "out", tmp_path / "other name" / "photos" / "out"):
        with pytest.raises(OutputError, match="which is read"):
            claim(out, JOB, photos)
    for out in (tmp_path / "data", tmp_path / "other name"):
        with pytest.raises(OutputError, match=r"holds .*photos, which is read"):
            claim(out, JOB, photos)
    (tmp_path / "out" / "source" / "photos").mkdir(parents=True)
    claim(tmp_path / "out", JOB, tmp_path / "out" / "source" / "photos")


def test_files_to_write_are_refused_before_any_is_written(tmp_path: Path) -> None:
    photo, twin = tmp_path / "photo.png", tmp_path / "twin.png"
    photo.write_text("a photo")
    twin.hardlink_to(photo)
    for path in (photo, twin, tmp_path / "x" / ".." / "photo.png"):
        with pytest.raises(OutputError, match="is an input too"):
            check_files([path], [photo], force=True)
    with pytest.raises(OutputError, match=r"photo.png: exists already, wanted a new name, or --force"):
        check_files([photo], [])
    check_files([photo], [], force=True)
    with pytest.raises(OutputError, match="is two outputs"):
        check_files([tmp_path / "new", tmp_path / "." / "new"], [])
    with pytest.raises(OutputError, match=r"null: not a file"):
        check_files([Path("/dev/null")], [], force=True)
    with pytest.raises(OutputError, match=r"cannot be written into .*photo.png"):
        check_files([photo / "new"], [])


def test_a_lock_is_neither_emptied_nor_reached_through_a_link(tmp_path: Path) -> None:
    diary = tmp_path / "diary.txt"
    diary.write_text("mine")
    (tmp_path / "link").symlink_to(diary)
    (tmp_path / "twin").hardlink_to(diary)
    for name, message in (
        ("link", "cannot be written"),
        ("twin", "else than a lock"),
        ("diary.txt", "else than a lock"),
    ):
        with pytest.raises(OutputError, match=message):
            files.lock_file(tmp_path / name, "busy")
    assert diary.read_text() == "mine"


@pytest.mark.parametrize("layout", ["masks", "published"])
def test_a_build_into_the_users_own_folder_changes_nothing(
    layout: str, settings: BuildSettings, tmp_path: Path
) -> None:
    out = {"masks": tmp_path / "data" / "folder", "published": tmp_path / "iHarmony4" / "HFlickr"}[layout]
    for name in ("real_images/f1.jpg", "masks/f1_1.png", "composite_images/f1_1_1.jpg", "HFlickr_train.txt", "a.json"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(f"precious {name}")
    before = tree(tmp_path)
    done = ccharmony("build", "--src", "folder", "--data", settings.data, "--out", out)
    assert (done.exit_code, tree(tmp_path)) == (1, before)
    assert isinstance(done.exception, OutputError)


@pytest.mark.parametrize("name", [".build", "real_images", "composite_images"])
def test_a_linked_folder_in_a_dataset_is_refused_and_what_it_leads_to_stays(
    name: str, settings: BuildSettings, tmp_path: Path
) -> None:
    out, mine = tmp_path / "out", tmp_path / "mine"
    build_dataset(settings, out)
    mine.mkdir()
    (mine / "lock").write_text("precious")
    (mine / "diary.txt").write_text("precious")
    if (out / name).exists():
        (out / name).rename(out / f"{name} before")
    (out / name).symlink_to(mine)
    before = tree(tmp_path)
    with pytest.raises(OutputError, match="a link, which ccharmony build does not follow"):
        build_dataset(settings, out)
    assert tree(tmp_path) == before


def test_a_stray_is_named_and_stays_while_pictures_of_an_earlier_build_go(
    settings: BuildSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, stray = tmp_path / "out", tmp_path / "out" / "masks" / "mine.png"
    build_dataset(settings, out)
    stray.write_text("drawn by hand")
    edited = out / "composite_images" / "p0_a_1.png"
    edited.write_text("changed by hand")
    (settings.data / "folder" / "photos" / "p0.png").unlink()
    with pytest.raises(KeyboardInterrupt):
        build_dataset(settings, out, progress=_stop)
    build_dataset(settings, out)
    assert (stray.read_text(), edited.read_text()) == ("drawn by hand", "changed by hand")
    assert not (out / "real_images" / "p0.png").exists()
    assert [line for line in caplog.messages if "stays" in line] == [
        f"{path}: was not written here by a build, and stays" for path in (edited, stray)
    ]
    stray.unlink()
    edited.unlink()
    assert verify_folder(out).problems == []


def _stop(stage: str, done: int, _total: int) -> None:
    if (stage, done) == ("pairs", 1):
        raise KeyboardInterrupt


def test_pictures_of_a_dropped_build_go_when_the_next_one_is_finished(settings: BuildSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        build_dataset(settings, out, progress=_stop)
    fewer = replace(settings, pair=replace(settings.pair, composites=1))
    build_dataset(fewer, out, fresh=True)
    assert len(list((out / "composite_images").iterdir())) == 4
    assert verify_folder(out).problems == []


def test_a_dataset_of_a_version_without_markers_is_known(settings: BuildSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build_dataset(settings, out)
    (out / MARKER).unlink()
    assert build_dataset(settings, out).resumed == 4
    with pytest.raises(KeyboardInterrupt):
        build_dataset(settings, tmp_path / "begun", progress=_stop)
    (tmp_path / "begun" / MARKER).unlink()
    assert build_dataset(settings, tmp_path / "begun").resumed >= 1


@pytest.mark.parametrize("to", ["shards", "h5"])
def test_the_unfinished_folder_of_packing_is_never_somebody_elses(
    to: str, settings: BuildSettings, tmp_path: Path
) -> None:
    root, mine = tmp_path / "built", tmp_path / "mine"
    build_dataset(settings, root)
    mine.mkdir()
    (mine / "diary.txt").write_text("precious")
    out = tmp_path / "packed.h5"
    part = tmp_path / ".packed.h5.part"
    part.symlink_to(mine)
    with pytest.raises(OutputError, match="a link, which packing does not follow"):
        pack_dataset(root, to, out)  # type: ignore[arg-type]
    part.unlink()
    mine.rename(part)
    with pytest.raises(OutputError, match=r"holds 'diary.txt', which ccharmony pack did not write"):
        pack_dataset(root, to, out)  # type: ignore[arg-type]
    (part / "diary.txt").rename(tmp_path / "diary.txt")
    pack_dataset(root, to, out)  # type: ignore[arg-type]
    assert not part.exists()
    assert (tmp_path / "diary.txt").read_text() == "precious"


def test_the_demo_is_not_rendered_over_photos_of_that_name(tmp_path: Path) -> None:
    mine = tmp_path / "demo" / "photos" / "kitchen_D65.png"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")
    done = ccharmony("build", "--src", "demo", "--data", tmp_path, "--out", tmp_path / "out")
    assert isinstance(done.exception, OutputError)
    assert mine.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo"]
