from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.errors import SettingsError, SourceError
from ccharmony.images import pixels


def dataset(root: Path, name: str = "HCOCO") -> Path:
    folder = root / name
    files = ["composite_images/c1_2_3.jpg", "composite_images/c1_2_4.jpg", "masks/c1_2.PNG", "real_images/C1.JPEG"]
    files += ["composite_images/Canon_0005_a_10.jpg", "masks/Canon_0005_a.png", "real_images/Canon_0005.jpg"]
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(pixels.encode(np.zeros((4, 4, 3), np.uint8), ".png"))
    (folder / f"{name}_train.txt").write_text("c1_2_3.jpg\nCanon_0005_a_10.jpg\n\n")
    (folder / f"{name}_test.txt").write_text("c1_2_4.jpg\r\n")
    return folder


def test_names_are_joined_from_the_right_and_case_is_resolved(tmp_path: Path) -> None:
    pairs, problems = find_pairs(dataset(tmp_path), "train")
    assert problems == []
    assert [(p.set, p.name, p.mask.name, p.real.name) for p in pairs] == [
        ("HCOCO", "c1_2_3.jpg", "c1_2.PNG", "C1.JPEG"),
        ("HCOCO", "Canon_0005_a_10.jpg", "Canon_0005_a.png", "Canon_0005.jpg"),
    ]


def test_root_of_several_sets_is_read_set_by_set(tmp_path: Path) -> None:
    dataset(tmp_path), dataset(tmp_path, "HFlickr")
    pairs, _ = find_pairs(tmp_path, "all")
    assert [pair.set for pair in pairs] == ["HCOCO"] * 3 + ["HFlickr"] * 3


def test_merged_root_list_rules(tmp_path: Path) -> None:
    dataset(tmp_path), dataset(tmp_path, "HFlickr")
    (tmp_path / "IHD_test.txt").write_text("HFlickr/composite_images/c1_2_3.jpg\n")
    pairs, _ = find_pairs(tmp_path, "test")
    assert [(pair.set, pair.name) for pair in pairs] == [("HFlickr", "c1_2_3.jpg")]


def test_composites_in_a_folder_a_foreground_are_found(tmp_path: Path) -> None:
    folder = dataset(tmp_path)
    nested = folder / "composite_images" / "c1_2"
    nested.mkdir()
    (folder / "composite_images" / "c1_2_3.jpg").rename(nested / "c1_2_3.jpg")
    pairs, _ = find_pairs(folder, "train")
    assert pairs[0].composite == nested / "c1_2_3.jpg"


def test_folder_without_lists_gives_every_composite_to_any_split_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = dataset(tmp_path)
    for path in folder.glob("*.txt"):
        path.unlink()
    assert len(find_pairs(folder, "all")[0]) == 3
    assert caplog.text == ""
    assert [len(find_pairs(folder, split)[0]) for split in ("train", "test")] == [3, 3]
    assert "HCOCO: no list *_train.txt, all 3 composites are taken" in caplog.text
    with pytest.raises(SourceError, match=r"no list \*_val.txt, wanted one"):
        find_pairs(folder, "val")


def test_a_split_without_a_list_has_what_no_other_list_names(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = dataset(tmp_path)
    (folder / "HCOCO_test.txt").unlink()
    assert [pair.name for pair in find_pairs(folder, "test")[0]] == ["c1_2_4.jpg"]
    assert "no list *_test.txt, all 1 composites that no list names are taken" in caplog.text
    (folder / "HCOCO_train.txt").write_text("c1_2_3.jpg\nc1_2_4.jpg\nCanon_0005_a_10.jpg\n")
    with pytest.raises(SourceError, match=r"no list \*_test.txt, wanted one"):
        find_pairs(folder, "test")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le-mark"])
def test_lists_of_windows_editors_are_read(tmp_path: Path, encoding: str) -> None:
    folder = dataset(tmp_path)
    text = "\r\n.\\composite_images\\c1_2_4.jpg  \r\n\r\n"
    mark = "\ufeff" if encoding == "utf-16-le-mark" else ""
    data = (mark + text).encode(encoding.removesuffix("-mark"))
    (folder / "HCOCO_test.txt").write_bytes(data)
    pairs, problems = find_pairs(folder, "test")
    assert ([pair.name for pair in pairs], problems) == (["c1_2_4.jpg"], [])


def test_a_root_list_that_names_an_absent_set_gives_the_others_and_one_line(tmp_path: Path) -> None:
    dataset(tmp_path)
    lines = [f"{name}.jpg" for name in ("HDay/c/d1_1_1", "HCOCO/composite_images/c1_2_3", "HDay/c/d2_1_1", "c1_2_4")]
    (tmp_path / "IHD_test.txt").write_text("\n".join(lines))
    pairs, problems = find_pairs(tmp_path, "test")
    assert [(pair.set, pair.name) for pair in pairs] == [("HCOCO", "c1_2_3.jpg")]
    assert problems == [
        f"{tmp_path / 'IHD_test.txt'}: no sub-dataset HDay in {tmp_path}; composites left out: 2",
        f"{tmp_path / 'IHD_test.txt'}: lines that name no sub-dataset; composites left out: 1",
    ]
    with pytest.raises(SourceError, match="no sub-dataset HDay"):
        find_pairs(tmp_path, "test", strict=True)


def test_a_set_given_alone_follows_the_list_of_the_root_above(tmp_path: Path) -> None:
    for path in dataset(tmp_path).glob("*.txt"):
        path.unlink()
    (tmp_path / "IHD_test.txt").write_text("HFlickr/composite_images/f_1_1.jpg\nhcoco/composite_images/c1_2_4.jpg\n")
    pairs, problems = find_pairs(tmp_path / "HCOCO", "test")
    assert ([pair.name for pair in pairs], problems) == (["c1_2_4.jpg"], [])


def test_a_set_without_a_list_where_others_have_one_is_named(tmp_path: Path) -> None:
    dataset(tmp_path)
    (dataset(tmp_path, "HFlickr") / "HFlickr_test.txt").unlink()
    pairs, problems = find_pairs(tmp_path, "test")
    assert {pair.set for pair in pairs} == {"HCOCO"}
    assert problems == [f"{tmp_path / 'HFlickr'}: no list *_test.txt, its 3 composites are left out"]


def test_broken_pair_is_named_and_fatal_if_asked(tmp_path: Path) -> None:
    folder = dataset(tmp_path)
    (folder / "masks" / "c1_2.PNG").unlink()
    pairs, problems = find_pairs(folder, "train")
    assert len(pairs) == 1
    assert len(problems) == 1
    assert "c1_2_3.jpg: no mask c1_2" in problems[0]
    with pytest.raises(SourceError, match="no mask c1_2"):
        find_pairs(folder, "train", strict=True)


@pytest.mark.parametrize(
    ("line", "message"),
    [("absent_1_1.jpg", "no such composite"), ("c1.jpg", "c1.jpg: no such composite")],
)
def test_list_that_names_absent_files_is_reported(tmp_path: Path, line: str, message: str) -> None:
    folder = dataset(tmp_path)
    (folder / "HCOCO_test.txt").write_text(f"{line}\n")
    with pytest.raises(SourceError, match=message):
        find_pairs(folder, "test")


def test_missing_folder_and_folder_without_dataset_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        find_pairs(tmp_path / "absent", "all")
    with pytest.raises(SourceError, match=r"no composite_images .* in it or one level below"):
        find_pairs(tmp_path, "all")


def test_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    folder = dataset(tmp_path)
    (folder / "HCOCO_test.txt").write_bytes(b"\x80\x81\n")
    with pytest.raises(SourceError, match="cannot be read as text"):
        find_pairs(folder, "test")


def test_split_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    split: Any = "validation"
    with pytest.raises(SettingsError, match="split 'validation', wanted one of train, val, test, all"):
        find_pairs(tmp_path, split)


@pytest.mark.parametrize(
    "line",
    [
        '"HCOCO/composite_images/c1_2_3.jpg"',
        "'HCOCO/composite_images/c1_2_3.jpg'  ",
        "/home/me/iHarmony4/HCOCO/composite_images/c1_2_3.jpg",
        "C:\\data\\iHarmony4\\HCOCO\\composite_images\\c1_2_3.jpg",
        "iHarmony4/HCOCO/composite_images/c1_2_3.jpg",
        "../hcoco/hcoco/composite_images/c1_2_3.jpg\t",
    ],
)
def test_lines_of_a_root_list_may_be_quoted_and_have_any_folders_in_front(tmp_path: Path, line: str) -> None:
    dataset(tmp_path)
    (tmp_path / "IHD_Train.TXT").write_text(f"{line}\n")
    (tmp_path / "._IHD_train.txt").write_bytes(b"\0\x05\x16\x07")
    for root in (tmp_path, tmp_path / "HCOCO"):
        if root != tmp_path:
            (root / "HCOCO_train.txt").unlink()
        pairs, problems = find_pairs(root, "train")
        assert ([(pair.set, pair.name) for pair in pairs], problems) == ([("HCOCO", "c1_2_3.jpg")], [])


def test_a_set_that_lines_with_folders_in_front_name_is_named(tmp_path: Path) -> None:
    dataset(tmp_path)
    line = "/data/HFlickr/composite_images/f1_2_3.jpg"
    (tmp_path / "IHD_train.txt").write_text(f"HCOCO/composite_images/c1_2_3.jpg\n{line}\n")
    problem = f"{tmp_path / 'IHD_train.txt'}: no sub-dataset HFlickr in {tmp_path}; composites left out: 1"
    assert find_pairs(tmp_path, "train")[1] == [problem]


def test_a_composite_that_lists_name_twice_counts_once_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = dataset(tmp_path)
    (folder / "HCOCO_test.txt").write_text("c1_2_4.jpg\nc1_2_3.jpg\nc1_2_4.jpg\n")
    pairs, _ = find_pairs(folder, "all")
    assert [(pair.name, pair.split) for pair in pairs] == [
        ("c1_2_3.jpg", "train"),
        ("Canon_0005_a_10.jpg", "train"),
        ("c1_2_4.jpg", "test"),
    ]
    said = [record.getMessage() for record in caplog.records]
    assert f"{folder}: c1_2_3.jpg is listed for train and for test" in said
    assert f"{folder}: 2 lines name a composite again, each counts once" in said


def test_an_archive_is_not_read_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "iHarmony4.zip").write_bytes(b"PK")
    with pytest.raises(SourceError, match=r"iHarmony4\.zip: an archive, which is not read: unpack it"):
        find_pairs(tmp_path / "iHarmony4.zip", "train")
