"""A dataset describes itself: for people, for `datasets`, for Croissant."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import yaml
from PIL import Image

from ccharmony.build.pipeline import build_dataset
from ccharmony.build.settings import BuildSettings, PairSettings
from ccharmony.dataset.card import readme
from ccharmony.dataset.card.facts import Facts
from ccharmony.dataset.manifest import read_manifest
from ccharmony.dataset.merge import merge_datasets
from ccharmony.dataset.packing.pack import pack_dataset
from ccharmony.dataset.packing.verify import verify_dataset

from ... import kill_loop

ROOT = Path(__file__).resolve().parents[4]
NAMES = (
    "README.md",
    "croissant.json",
    "metadata.csv",
    "metadata_train.csv",
    "metadata_test.csv",
    "contact_sheet.jpg",
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> BuildSettings:
    wanted = kill_loop.write_source(tmp_path_factory.mktemp("photos"), 4)
    return replace(wanted, pair=PairSettings(composites=1, suffix=".jpg"))


@pytest.fixture(scope="module")
def built(settings: BuildSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds a dataset, `mine`, of two photos a split, its shards and its Parquet."""
    folder = tmp_path_factory.mktemp("card")
    build_dataset(settings, folder / "mine")
    pack_dataset(folder / "mine", "shards", folder / "shards")
    pack_dataset(folder / "mine", "parquet", folder / "parquet")
    return folder


def head_of(card: Path) -> dict[str, Any]:
    found = re.match(r"---\n(.*?)\n---\n", card.read_text(encoding="utf-8"), re.S)
    assert found
    return dict(yaml.safe_load(found[1]))


def test_the_head_of_the_card_is_yaml_as_the_hub_wants_it(built: Path) -> None:
    head = head_of(built / "mine" / "README.md")
    assert head["license"] == "other"
    assert head["task_categories"] == ["image-to-image"]
    assert head["size_categories"] == ["n<1K"]
    [config] = head["configs"]
    assert [part["split"] for part in config["data_files"]] == ["train", "test"]


def test_the_card_states_counts_terms_settings_and_what_to_cite(built: Path) -> None:
    text = (built / "mine" / "README.md").read_text(encoding="utf-8")
    for line in (
        "| train | 2 | 2 | 2 |",
        "| folder | unknown | 4 | 4 | 4 |",
        "- **folder**: A folder of one's own photos. Terms: The owner's.",
        "| ridge | 4 |",
        "1 composite a foreground, full size, JPEG of quality 95",
        "equals that of its real picture, but for a rim: blocks of 16x16 pixels",
        "relation distillation. ICCV 2023.",
    ):
        assert line in text


def test_a_camera_cannot_write_markdown() -> None:
    assert readme._to_cell("a|b <script>\n[x](y)") == r"a\|b \<script>\n\[x](y)".replace(r"\n", r"\\n")


def test_a_build_writes_the_same_bytes_into_another_folder(
    settings: BuildSettings, built: Path, tmp_path: Path
) -> None:
    build_dataset(settings, tmp_path / "another name", jobs=2)
    for name in NAMES:
        assert (tmp_path / "another name" / name).read_bytes() == (built / "mine" / name).read_bytes()


def test_metadata_has_the_rows_of_the_manifest_by_split(built: Path) -> None:
    rows = read_manifest(built / "mine" / "manifest.csv")
    for name, splits in (
        ("metadata.csv", "train test"),
        ("metadata_train.csv", "train"),
        ("metadata_test.csv", "test"),
    ):
        found = list(csv.DictReader(io.StringIO((built / "mine" / name).read_text())))
        assert [(line["file_name"], line["mask_file_name"], line["real_file_name"]) for line in found] == [
            (row.composite, row.mask, row.real) for row in rows if row.split in splits.split()
        ]


def test_the_sheet_has_a_row_for_each_of_four_foregrounds(built: Path) -> None:
    sheet = Image.open(built / "mine" / "contact_sheet.jpg")
    assert sheet.size == (2 * 248 + 8, 4 * 188 + 8)  # one composite each: no empty columns
    real, nothing = sheet.getpixel((128, 98)), sheet.getpixel((4, 98))
    assert real != (110, 110, 110)
    assert max(abs(level - 110) for level in nothing) <= 1


READ_CROISSANT = """
import json, mlcroissant
described = mlcroissant.Dataset("mine/croissant.json")
issues = described.metadata.ctx.issues
pairs = [(row["pairs/composite"].decode(), row["pairs/delta_e"]) for row in described.records("pairs")]
masks = {row["masks/path"].decode(): row["masks/image"].size for row in described.records("masks")}
print(json.dumps([[*issues.errors], [*issues.warnings], pairs, masks]))
"""


def run_apart(code: str, folder: Path) -> str:
    """Run Python in a process of its own: what it imports changes warnings and logging, and looks for a network."""
    home = {"HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1", "PATH": ""}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=folder, env=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def size_of(path: Path) -> list[int]:
    with Image.open(path) as picture:
        return list(picture.size)


def test_mlcroissant_accepts_the_description_and_reads_its_records(built: Path) -> None:
    errors, warnings, pairs, masks = json.loads(run_apart(READ_CROISSANT, built).splitlines()[-1])
    rows = read_manifest(built / "mine" / "manifest.csv")
    assert errors == []
    assert [warning for warning in warnings if "datePublished" not in warning] == []
    assert pairs == [[row.composite, pytest.approx(row.delta_e)] for row in rows]
    assert masks == {row.mask: size_of(built / "mine" / row.mask) for row in rows}


def test_the_description_has_the_hashes_of_the_tables(built: Path) -> None:
    described = json.loads((built / "mine" / "croissant.json").read_text())
    sums = {row["file"]: row for row in csv.DictReader(io.StringIO((built / "mine" / "checksums.csv").read_text()))}
    tables = [part for part in described["distribution"] if part["@type"] == "cr:FileObject"]
    assert {part["@id"] for part in tables} >= {"manifest.csv", "fits.h5"}
    assert all(part["sha256"] == sums[part["contentUrl"]]["sha256"] for part in tables)


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_byte_of_the_card_is_found(built: Path, name: str) -> None:
    path = built / "mine" / name
    before = path.read_bytes()
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        assert verify_dataset(built / "mine").problems == [f"{name}: is not what the build wrote"]
    finally:
        path.write_bytes(before)


def test_a_card_that_somebody_wrote_is_renamed_and_not_lost(
    settings: BuildSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build_dataset(settings, tmp_path / "set")
    written = (tmp_path / "set" / "README.md").read_bytes()
    (tmp_path / "set" / "README.md").write_text("by hand")
    for kept in ("README.own.md", "README.own1.md"):
        build_dataset(settings, tmp_path / "set")
        assert (tmp_path / "set" / kept).read_text() == "by hand"
        assert (tmp_path / "set" / "README.md").read_bytes() == written
        (tmp_path / "set" / "README.md").write_text("by hand")
    assert "is not as a build wrote it, and is now called README.own.md" in caplog.text


def test_a_merged_dataset_says_what_it_was_merged_from(built: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).symlink_to(built / "mine")
    merge_datasets([tmp_path / "first", tmp_path / "second"], tmp_path / "both")
    text = (tmp_path / "both" / "README.md").read_text(encoding="utf-8")
    assert "merged from first, second" in text
    assert "| train | 4 | 4 | 4 |" in text
    assert verify_dataset(tmp_path / "both").problems == []


def test_the_python_of_the_page_on_sharing_runs(built: Path) -> None:
    page = (ROOT / "docs" / "share.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    code = "\n".join(blocks).replace("composite, mask, real =", "composite, mask, real = last =")
    sizes = "[len(pairs['train']), len(pairs['test']), len(packed), len(table)]"
    check = f"assert donors and {sizes} == [2, 2, 2, 4] and last[0].shape == last[2].shape"
    run_apart(f"{code}\n{check}", built)


READ_PACKED = """
import json, datasets, mlcroissant
found = {}
for name in ("shards", "parquet"):
    whole = datasets.load_dataset("./" + name)
    first = next(iter(datasets.load_dataset("./" + name, split="test", streaming=True)))
    pictures = {key: value.size for key, value in first.items() if hasattr(value, "size")}
    described = mlcroissant.Dataset(name + "/croissant.json")
    issues = [*described.metadata.ctx.issues.errors, *described.metadata.ctx.issues.warnings]
    kind, part = ("pairs", "pairs/composite") if name == "parquet" else ("composite", "composite/image")
    records = [row[part].size for row in described.records(kind)]
    found[name] = [{split: len(rows) for split, rows in whole.items()}, pictures, issues, records]
print(json.dumps(found))
"""


def test_a_packed_dataset_has_a_card_that_datasets_and_mlcroissant_read(built: Path) -> None:
    """As a folder of the hub: by its name alone, whole and as a stream."""
    found = json.loads(run_apart(READ_PACKED, built).splitlines()[-1])
    names = {"shards": ["composite.jpg", "mask.png", "real.jpg"], "parquet": ["composite", "mask", "real"]}
    for form, (counts, pictures, issues, records) in found.items():
        assert counts == {"train": 2, "test": 2}
        assert list(pictures) == names[form]
        assert [line for line in issues if "datePublished" not in line] == []
        assert sorted(records) == sorted(
            size_of(built / "mine" / row.composite) for row in read_manifest(built / "mine" / "manifest.csv")
        )


@pytest.mark.parametrize("form", ["shards", "parquet"])
def test_the_card_of_a_packed_dataset_states_the_same_facts(built: Path, form: str) -> None:
    own, packed = ((built / name / "README.md").read_text(encoding="utf-8") for name in ("mine", form))
    parts = "## Counts", "## Sources and their terms", "## Citation"
    for part in parts:
        section = own[own.index(part) :].partition("\n## ")[0]
        assert section in packed
    assert (built / form / "contact_sheet.jpg").read_bytes() == (built / "mine" / "contact_sheet.jpg").read_bytes()
    assert "build.json" not in packed


def test_the_types_in_the_card_are_those_of_the_parquet(built: Path) -> None:
    schema = pyarrow.parquet.read_schema(next((built / "parquet" / "data").glob("*.parquet")))
    wanted = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    kinds = {name: "image" if kind["_type"] == "Image" else kind["dtype"] for name, kind in wanted.items()}
    features = head_of(built / "parquet" / "README.md")["dataset_info"]["features"]
    assert {line["name"]: line["dtype"] for line in features} == {
        name: {"double": "float64"}.get(kind, kind) for name, kind in kinds.items()
    }


@pytest.mark.parametrize("name", ["README.md", "croissant.json", "contact_sheet.jpg"])
def test_a_changed_or_absent_file_of_a_packed_card_is_found(built: Path, name: str) -> None:
    path = built / "shards" / name
    before = path.read_bytes()
    try:
        path.write_bytes(before + b" ")
        assert verify_dataset(built / "shards").problems == [f"{path}: is not what was packed"]
        path.unlink()
        [problem] = verify_dataset(built / "shards").problems
        assert problem.startswith(f"{path}: cannot be read")
    finally:
        path.write_bytes(before)


def test_a_dataset_that_no_build_wrote_is_packed_without_a_card(built: Path, tmp_path: Path) -> None:
    for name in ("composite_images", "masks", "real_images", "ccHarmony_train.txt", "ccHarmony_test.txt"):
        (tmp_path / "plain").mkdir(exist_ok=True)
        (tmp_path / "plain" / name).symlink_to(built / "mine" / name)
    pack_dataset(tmp_path / "plain", "shards", tmp_path / "shards")
    assert not (tmp_path / "shards" / "README.md").exists()
    assert verify_dataset(tmp_path / "shards").problems == []


READ_PLAIN = """
import datasets
pairs = datasets.load_dataset("imagefolder", data_files="mine/metadata.csv")
print(len(pairs["train"]), pairs["train"][0]["mask"].size, sorted(set(pairs["train"]["split"])))
"""


def test_imagefolder_reads_the_plain_folder_by_one_line(built: Path) -> None:
    width, height = size_of(built / "mine" / read_manifest(built / "mine" / "manifest.csv")[0].mask)
    assert run_apart(READ_PLAIN, built).splitlines()[-1] == f"4 ({width}, {height}) ['test', 'train']"


def test_facts_of_a_manifest_with_an_unknown_source_are_stated_without_it(built: Path) -> None:
    rows = [replace(row, source="elsewhere") for row in read_manifest(built / "mine" / "manifest.csv")]
    facts = Facts(rows, {}, {}, {})
    assert (facts.sources, facts.license) == ((), "other")
    assert facts.count_cameras() == [("elsewhere", "unknown", 4, 4, 4)]
