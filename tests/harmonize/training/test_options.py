"""What a run folder knows of its run besides its settings."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ccharmony.errors import SettingsError
from harmonize.training.data_paths import DataPaths
from harmonize.training.options import RunOptions, read_options
from harmonize.training.pace import Pace


def test_options_come_back_with_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = DataPaths(
        (Path("a"), Path("/b")), (Path("photos"),), Path("fits.h5"), held_lights=3, strict=True, val_share=0.1
    )
    RunOptions(paths, Pace(log_every=7), Path("w.safetensors")).write(tmp_path)
    found = read_options(tmp_path, {})
    assert found.paths.data == (tmp_path / "a", Path("/b"))
    assert (found.paths.photos, found.paths.lights) == ((tmp_path / "photos",), tmp_path / "fits.h5")
    assert (found.paths.held_lights, found.paths.strict, found.paths.val_share) == (3, True, 0.1)
    assert (found.pace, found.begin_from) == (Pace(log_every=7), str(tmp_path / "w.safetensors"))
    assert read_options(tmp_path, {"data": (Path("c"),)}).paths.data == (Path("c"),)


def test_weights_are_read_again_until_the_state_holds_what_they_have_become(tmp_path: Path) -> None:
    options = RunOptions(DataPaths((tmp_path,)), Pace(), "giftnet_w16")
    stages: list[Any] = [None, SimpleNamespace(stage="reconstruct"), SimpleNamespace(stage="harmonize")]
    assert [options.first_weights(None, state) for state in stages] == ["giftnet_w16", "giftnet_w16", None]
    assert options.first_weights("pih", stages[2]) == "pih"


@pytest.mark.parametrize(
    "paths",
    [
        *({"data": "pairs"}, {"data": [3]}, {"data": [["a"]]}, {"data": {"a": 1}}, {"data": ["a\0b"]}),
        *({"photos": ["a"], "lights": ["b"]}, {"photos": [1], "lights": "b"}, {"photos": "a", "lights": "b"}),
    ],
)
def test_data_that_are_no_paths_are_one_line(tmp_path: Path, paths: dict[str, Any]) -> None:
    (tmp_path / "options.json").write_text(json.dumps({"paths": paths, "pace": {}, "begin_from": None}))
    with pytest.raises(SettingsError, match=r"(data|photos|lights): .* found, a (list of paths|path) wanted"):
        read_options(tmp_path, {})


@pytest.mark.parametrize("weights", [5, ["a"], {}])
def test_first_weights_that_are_no_name_are_one_line(tmp_path: Path, weights: object) -> None:
    content = {"paths": {"data": ["a"]}, "pace": {}, "begin_from": weights}
    (tmp_path / "options.json").write_text(json.dumps(content))
    with pytest.raises(SettingsError, match="a name or a file wanted"):
        read_options(tmp_path, {})


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"paths": {"data": ["a"]}, "pace": []}', '{"paths": {"dta": 1}}'])
def test_options_that_cannot_be_read_are_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "options.json").write_text(text)
    with pytest.raises(SettingsError, match=r"options\.json: cannot be read .*, wanted --data or --photos again"):
        read_options(tmp_path, {})
