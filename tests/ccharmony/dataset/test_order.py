import dataclasses
from pathlib import Path

from ccharmony.build.pipeline import build_dataset
from ccharmony.dataset import tables
from ccharmony.dataset.manifest import read_manifest

from .. import kill_loop


def test_rows_stand_in_the_order_of_their_numbers_and_a_name_without_one_comes_first(tmp_path: Path) -> None:
    build_dataset(kill_loop.write_source(tmp_path / "data", 4), tmp_path / "built")
    row = read_manifest(tmp_path / "built" / tables.MANIFEST)[0]
    names = ["p_a_10.png", "p_a_1e-320.png", "p_a_2.png", "p_a_٣x.png"]
    rows = [dataclasses.replace(row, composite=f"composite_images/{name}") for name in names]
    assert [tables.manifest_order(one)[2] for one in rows] == [10, -1, 2, -1]
