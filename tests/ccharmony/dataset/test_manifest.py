from pathlib import Path

import pytest

from ccharmony import records
from ccharmony.dataset.manifest import read_manifest, write_manifest
from ccharmony.errors import ManifestError

ROW = records.Pair(
    composite="composite_images/ä b_a_1.jpg",
    mask="masks/ä b_a.png",
    real="real_images/ä b.jpg",
    photo="ä b",
    foreground="a",
    donor="c, d",
    source="nus",
    camera="Canon",
    split="train",
    fit_kind="ridge",
    donor_fit_kind="ridge",
    clipped_share=0.125,
    delta_e=3.5,
    note='said "so"',
    composite_sha256="00",
    mask_sha256="11",
    real_sha256="22",
)


def test_rows_come_back(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    write_manifest(path, [ROW, ROW])
    assert read_manifest(path) == [ROW, ROW]


@pytest.mark.parametrize("column", ["composite", "mask", "real"])
@pytest.mark.parametrize("name", ["../x.png", "/etc/passwd", "masks/../../x.png", "..\\x.png", ""])
def test_path_out_of_the_dataset_is_refused(tmp_path: Path, column: str, name: str) -> None:
    path = tmp_path / "manifest.csv"
    write_manifest(path, [records.Pair(**{**vars(ROW), column: name})])
    with pytest.raises(ManifestError, match=r"line 2: path .* leads out of the dataset"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("composite,mask", "mask,composite", "columns"),
        (",train,", ",validation,", "split 'validation'"),
        ("0.125000", "much", "could not convert"),
        ("composite_images/", "a,composite_images/", "18 cells, wanted 17"),
    ],
)
def test_broken_table_is_refused_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "manifest.csv"
    write_manifest(path, [ROW])
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ManifestError, match=message):
        read_manifest(path)


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifest(path)
