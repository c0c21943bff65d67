"""Which mask belongs to which composite, by names alone (the files here are empty), and many tasks at a time."""

import threading
from pathlib import Path

import numpy as np
import pytest

from ccharmony.errors import ImageError, SourceError
from ccharmony.images import pixels
from harmonize.inference import folders
from harmonize.inference.folders import PictureTask, list_tasks, match, run_all


def write(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def matched(composites: Path, masks: Path) -> tuple[dict[str, str], list[str]]:
    """Composites and masks by their paths below their folders, and the problems."""
    tasks, problems = match(composites, masks, Path("out"), "png")
    root = masks if masks.is_dir() else masks.parent
    return {
        task.composite.relative_to(composites).as_posix(): task.mask.relative_to(root).as_posix() for task in tasks
    }, problems


@pytest.mark.parametrize(
    ("composite", "mask"),
    [
        ("a.jpg", "a.png"),
        ("A.JPG", "a.png"),
        ("a.jpg", "a_mask.png"),
        ("a.jpg", "mask_a.png"),
        ("a.jpg", "a-mask.tif"),
        ("a.jpg", "A Mask.png"),
        ("a.jpg", "a_alpha.png"),
        ("a.jpg", "a.mask.png"),
        ("001.jpg", "1_matte.png"),
        ("demo_composite_1.jpg", "demo_mask_1.png"),
        ("b_composite.png", "b_mask.png"),
        ("comp_3.png", "mask_3.png"),
        ("frame_0007.png", "0007.png"),
        ("sub/a.png", "sub/a_mask.png"),
        ("x/y/a.png", "x/y/masks/a.png"),
        ("a.png", "mask/a.png"),
        ("inr_5/composite.png", "inr_5/mask.png"),
        ("à la carte.png", "à la carte_mask.png"),
        ("Ku\u0308che.jpg", "K\u00fcche.png"),
        ("K\u00fcche.jpg", "Ku\u0308che_mask.png"),
        ("a.jpg", "a.jpg.png"),
        ("x/a.png", "x/SegmentationObject/a.png"),
    ],
)
def test_a_mask_is_found_under_the_names_that_people_give(tmp_path: Path, composite: str, mask: str) -> None:
    write(tmp_path, f"c/{composite}", f"m/{mask}", "c/other.png", "m/other.png")
    found, problems = matched(tmp_path / "c", tmp_path / "m")
    assert (found[composite], problems) == (mask, [])


@pytest.mark.parametrize("mask", ["{}.png", "{}_mask.png"])
def test_masks_of_foregrounds_belong_to_each_of_their_composites(tmp_path: Path, mask: str) -> None:
    write(
        tmp_path,
        *(f"c/c{n}_a_{k}.jpg" for n in (1, 2) for k in (1, 2)),
        *(f"m/{mask.format(f'c{n}_a')}" for n in (1, 2)),
    )
    found, problems = matched(tmp_path / "c", tmp_path / "m")
    assert found == {f"c{n}_a_{k}.jpg": mask.format(f"c{n}_a") for n in (1, 2) for k in (1, 2)}
    assert problems == []


def test_a_composite_whose_mask_is_missing_does_not_get_that_of_another(tmp_path: Path) -> None:
    write(tmp_path, "c/beach.jpg", "c/beach_2.jpg", "m/beach.png")
    found, problems = matched(tmp_path / "c", tmp_path / "m")
    assert found == {"beach.jpg": "beach.png"}
    assert problems == [f"{tmp_path / 'c' / 'beach_2.jpg'}: no mask of that name in {tmp_path / 'm'}"]


def test_masks_that_are_not_there_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="absent: no such file or folder, wanted masks"):
        match(write(tmp_path, "a.png"), tmp_path / "absent", tmp_path, "png")


def test_the_closest_name_counts(tmp_path: Path) -> None:
    write(tmp_path, "c/a_1_2.png", "m/a_1.png", "m/a_1_2_mask.png")
    assert matched(tmp_path / "c", tmp_path / "m")[0] == {"a_1_2.png": "a_1_2_mask.png"}
    write(tmp_path, "m/a_1_2.jpg")
    assert matched(tmp_path / "c", tmp_path / "m")[0] == {"a_1_2.png": "a_1_2.jpg"}


def test_masks_that_fit_equally_well_are_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, "c/a.png", "c/b.png", "m/b.png", "m/a_mask.png", "m/mask-a.png")
    found, problems = matched(tmp_path / "c", tmp_path / "m")
    assert found == {"b.png": "b.png"}
    assert problems == ["a.png: 2 files fit as its mask (a_mask.png, mask-a.png), wanted one"]


def test_sub_folders_with_equal_names_keep_their_own_masks(tmp_path: Path) -> None:
    write(tmp_path, "c/x/1.png", "c/y/1.png", "m/x/1.png")
    found, problems = matched(tmp_path / "c", tmp_path / "m")
    assert found == {"x/1.png": "x/1.png"}
    assert problems == [f"{tmp_path / 'c' / 'y' / '1.png'}: no mask of that name in {tmp_path / 'm'}"]


def test_one_mask_is_not_that_of_equal_names_in_several_sub_folders(tmp_path: Path) -> None:
    write(tmp_path, "c/x/1.png", "c/y/1.png", "c/y/2.png", "m/1.png", "m/2.png")
    found, problems = matched(tmp_path / "c", tmp_path / "m")
    assert found == {"y/2.png": "2.png"}
    mask = tmp_path / "m" / "1.png"
    composites = [tmp_path / "c" / folder / "1.png" for folder in "xy"]
    assert problems == [f"{path}: in several sub-folders, {mask} is the mask of one" for path in composites]


@pytest.mark.parametrize("masks", ["", "masks", "mask", "Alpha", "annotations"])
def test_masks_may_lie_in_the_folder_of_the_composites(tmp_path: Path, masks: str) -> None:
    files = [f"{masks}/a.png", f"{masks}/b.png"] if masks else ["a_mask.png", "mask_b.png"]
    write(tmp_path, "a.jpg", "b.jpg", *files)
    for folder in (tmp_path, tmp_path / masks):
        tasks, problems = match(tmp_path, folder, Path("out"), "png")
        assert [(task.composite.name, task.mask) for task in tasks] == [
            (name, tmp_path / file) for name, file in zip(("a.jpg", "b.jpg"), files, strict=True)
        ]
        assert problems == []


def test_in_a_common_folder_what_has_a_mask_of_its_own_is_no_mask(tmp_path: Path) -> None:
    write(tmp_path, "alpha_romeo.jpg", "alpha_romeo_mask.png", "b.jpg", "b-alpha.png", "alone_mask.png")
    found, problems = matched(tmp_path, tmp_path)
    assert found == {"alpha_romeo.jpg": "alpha_romeo_mask.png", "b.jpg": "b-alpha.png"}
    assert problems == [f"{tmp_path / 'alone_mask.png'}: a mask by its name, of no picture"]


def test_linked_folders_are_read_and_what_file_managers_leave_is_not(tmp_path: Path) -> None:
    write(tmp_path, "real/a.jpg", "c/b.jpg", "m/a.png", "m/b.png", "c/__MACOSX/b.jpg", "c/@eaDir/b.jpg", "m/._b.png")
    (tmp_path / "c" / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "c" / "linked" / "back").symlink_to(tmp_path / "c")
    assert matched(tmp_path / "c", tmp_path / "m") == ({"b.jpg": "b.png", "linked/a.jpg": "a.png"}, [])


def test_numbered_frames_are_matched_by_number_where_names_have_nothing_in_common(tmp_path: Path) -> None:
    write(tmp_path, *(f"c/take4_{n}.png" for n in range(8, 12)), *(f"m/roto.{n:04}.png" for n in range(9, 14)))
    found, problems = matched(tmp_path / "c", tmp_path / "m")
    assert found == {f"take4_{n}.png": f"roto.{n:04}.png" for n in (9, 10, 11)}
    assert problems == [f"{tmp_path / 'c' / 'take4_8.png'}: no mask of that number in {tmp_path / 'm'}"]


def test_other_names_are_not_taken_for_frames_and_the_rule_is_said(tmp_path: Path) -> None:
    write(tmp_path, "c/cat1.png", "c/dog2.png", "m/roto1.png", "m/roto2.png")
    message = "none of its 2 pictures has a mask in .*m; looked for cat1.png, cat1_mask.png, mask_cat1.png, cat1-mask"
    with pytest.raises(SourceError, match=message):
        match(tmp_path / "c", tmp_path / "m", tmp_path, "png")


def test_a_file_is_the_mask_of_every_frame(tmp_path: Path) -> None:
    write(tmp_path, "c/1.png", "c/2.png", "still.png")
    assert matched(tmp_path / "c", tmp_path / "still.png") == ({"1.png": "still.png", "2.png": "still.png"}, [])


def test_files_that_are_no_pictures_by_their_names_are_named_and_notes_are_not(tmp_path: Path) -> None:
    write(tmp_path, "c/a.png", "c/b.psd", "c/readme.txt", "c/.hidden.png", "m/a.png")
    problems = matched(tmp_path / "c", tmp_path / "m")[1]
    assert [line.partition(": ")[0] for line in problems] == [str(tmp_path / "c" / "b.psd")]
    write(tmp_path, "only/a.psd")
    with pytest.raises(SourceError, match=r"only: no picture in it, but 1 other files such as a\.psd; wanted \.jpg"):
        match(tmp_path / "only", tmp_path / "m", tmp_path, "png")


def test_results_stand_in_the_sub_folders_of_their_composites(tmp_path: Path) -> None:
    write(tmp_path, "composite/x/a.jpg", "composite/y.z/b.c.jpg", "mask/x/a.png", "mask/y.z/b.c.png")
    tasks, _ = match(tmp_path, tmp_path, tmp_path / "out", "webp")
    assert [task.output.relative_to(tmp_path).as_posix() for task in tasks] == ["out/x/a.webp", "out/y.z/b.c.webp"]


def test_composites_that_differ_by_extension_alone_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "c/a.jpg", "c/a.png", "m/a.png")
    with pytest.raises(SourceError, match=r"a\.jpg has the same name"):
        match(tmp_path / "c", tmp_path / "m", tmp_path, "png")


def test_cutouts_of_a_folder_are_their_own_masks(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "b/c.webp", "d.exr")
    tasks, problems = list_tasks(tmp_path, tmp_path / "out", "jpg")
    assert [task.output.relative_to(tmp_path).as_posix() for task in tasks] == ["out/a.jpg", "out/b/c.jpg"]
    assert all(task.mask == task.composite for task in tasks)
    assert len(problems) == 1


def make_tasks(root: Path, count: int) -> list[PictureTask]:
    for number in range(count):
        pixels.write_image(root / f"{number}.png", np.zeros((10, 10, 3), np.uint8))
    return [PictureTask(root / f"{number}.png", root / "m.png", root / f"o/{number}.png") for number in range(count)]


@pytest.mark.parametrize("jobs", [1, 3])
def test_failures_are_told_in_the_order_of_the_tasks_whatever_the_number_of_jobs(jobs, tmp_path):
    done, seen = set(), []

    def work(task):
        if task.composite.stem in ("2", "5"):
            raise ImageError(f"{task.composite.stem} failed")
        done.add(task.composite.stem)

    failed = run_all(make_tasks(tmp_path, 7), work, jobs=jobs, progress=lambda *at: seen.append(at))
    assert failed == ["2 failed", "5 failed"]
    assert done == {"0", "1", "3", "4", "6"}
    assert seen == [(number, 7) for number in range(1, 8)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_with_strict_what_has_not_begun_at_the_first_failure_does_not_begin(jobs, tmp_path):
    begun = []

    def work(task):
        begun.append(task.composite.stem)
        raise ImageError(f"{task.composite.stem} failed")

    with pytest.raises(ImageError, match=r"^0 failed$"):
        run_all(make_tasks(tmp_path, 200), work, jobs=jobs, strict=True)
    assert len(begun) < 200


def test_several_jobs_work_at_a_time(tmp_path):
    both = threading.Barrier(2, timeout=20)
    assert run_all(make_tasks(tmp_path, 4), lambda _task: both.wait() and None, jobs=2) == []


def test_large_pictures_wait_for_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MOST_PIXELS", 250)  # two of 100 pixels, not three
    lock, both, counts, now = threading.Lock(), threading.Barrier(2, timeout=20), [], 0

    def work(_task):
        nonlocal now
        with lock:
            now += 1
            counts.append(now)
        both.wait()
        with lock:
            now -= 1

    run_all(make_tasks(tmp_path, 8), work, jobs=4)
    assert max(counts) == 2
    monkeypatch.setattr(folders, "MOST_PIXELS", 50)  # less than one: it goes by itself
    both = threading.Barrier(1)
    counts.clear()
    run_all(make_tasks(tmp_path, 3), work, jobs=3)
    assert counts == [1, 1, 1]
