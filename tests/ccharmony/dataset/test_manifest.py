import dataclasses
import hashlib
from pathlib import Path

import pytest

from ccharmony import records
from ccharmony.dataset.checksums import digest_row
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
    profile="Adobe RGB (1998)",
)


def test_rows_come_back(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    write_manifest(path, [ROW, ROW])
    assert read_manifest(path) == [ROW, ROW]


def test_a_table_of_an_earlier_version_is_read_and_its_rows_keep_their_digests(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    plain = dataclasses.replace(ROW, profile="")
    write_manifest(path, [plain])
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].endswith(",real_sha256,profile")
    path.write_text(f"{lines[0].removesuffix(',profile')}\n{lines[1].removesuffix(',')}\n", encoding="utf-8")
    assert read_manifest(path) == [plain]
    former = ["composite_images/ä b_a_1.jpg", "masks/ä b_a.png", "real_images/ä b.jpg", "ä b", "a", "c, d", "nus"]
    former += ["Canon", "train", "ridge"]
    former += ["ridge", "0.125000", "3.500000", 'said "so"', "00", "11", "22"]
    assert digest_row(plain) == hashlib.sha256("\0".join(former).encode()).hexdigest()[:16]
    assert digest_row(ROW) != digest_row(plain)


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
        ("composite_images/", "a,composite_images/", "19 cells, wanted 18"),
    ],
)
def test_broken_table_is_refused_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "manifest.csv"
    write_manifest(path, [ROW])
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ManifestError, match=message):
        read_manifest(path)


def test_a_folder_without_a_manifest_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"manifest\.csv: no such file, wanted that of a dataset"):
        read_manifest(tmp_path / "manifest.csv")


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifest(path)
