"""The options of `harmonize train`: settings by name and text, settings of another run, command lines of the docs."""

import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import click.testing
import pytest

from ccharmony.errors import SettingsError
from harmonize.commands.train import SHORT, command
from harmonize.models.settings import NetworkSettings, PihSettings
from harmonize.training import changes, train
from harmonize.training.data_paths import DataPaths
from harmonize.training.pace import Pace
from harmonize.training.progress import read_rows
from harmonize.training.run_folder import read_settings
from harmonize.training.settings import DistillSettings, TrainSettings
from harmonize.weights import bundled

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("harmonize/weights/*.md")]
)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Call the command without training; gives settings, paths and pace, or the line of the error."""

    def call(words: str, code: int = 0) -> Any:
        found = SimpleNamespace()

        def keep(settings: TrainSettings, paths: DataPaths, _out: Path, *, pace: Pace, **_: Any) -> tuple[Any, Any]:
            found.settings, found.paths, found.pace = settings, paths, pace
            return SimpleNamespace(complete=False), SimpleNamespace(signal=None)

        monkeypatch.setattr(train, "train", keep)
        line = f"--data pairs --out {tmp_path / 'run'} {words}"
        done = click.testing.CliRunner().invoke(command, shlex.split(line))
        assert done.exit_code == code, done.output
        return found if code == 0 else done.stderr

    return call


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("reconstruct_steps=7", "reconstruct_steps", 7),
        ("ema=0.5", "ema", 0.5),
        ("rate=2", "rate", 2.0),
        ("channels_last=false", "channels_last", False),
        ("warm_start=true", "warm_start", True),
        ("decay=cosine", "decay", "cosine"),
        ("betas=0.5,0.9", "betas", (0.5, 0.9)),
        ("milestones=0.2,0.5,0.9", "milestones", (0.2, 0.5, 0.9)),
        ("milestones=", "milestones", ()),
        ("grow=0.5:320,0.7:512", "grow", ((0.5, 320), (0.7, 512))),
    ],
)
def test_a_setting_of_each_kind_is_read(given: Any, words: str, name: str, value: object) -> None:
    found = getattr(given(f"--set {words}").settings, name)
    assert found == value
    assert type(found) is type(value)


def test_settings_of_the_parts_are_read_after_one_option_or_several(given: Any) -> None:
    found = given("--set network.mlp_width=9 distill.gamma=0.2 --set pace.compiled=true data.strict=true")
    assert found.settings.network == NetworkSettings(mlp_width=9)
    assert found.settings.distill == DistillSettings(gamma=0.2)
    assert found.pace == Pace(compiled=True)
    assert found.paths == DataPaths(data=(Path("pairs"),), strict=True)


def test_another_model_brings_its_own_settings(given: Any) -> None:
    for words in ("--model pih --set network.knots=8", "--set network.knots=8 network.model=pih"):
        settings = given(words).settings
        assert settings.network == PihSettings(knots=8)
        assert settings.distill.kind == "none"
        assert settings.streams.unpaired == 0.5


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("warmpu=3", "warmpu: no such setting, nearest warmup"),
        ("gamma=3", "gamma: no such setting, nearest distill.gamma"),
        ("network.mlp_widht=3", "network.mlp_widht: no such setting, nearest network.mlp_width"),
        ("q=3", "q: no such setting, --set help lists them"),
        ("warmup", "--set warmup: wanted NAME=VALUE, or help"),
        ("warmup=0.5", "warmup: '0.5' found, an integer of at least 0 wanted"),
        ("warmup=-1", "warmup: '-1' found, an integer of at least 0 wanted"),
        ("ema=1", "ema: '1' found, a finite number of at least 0 and below 1 wanted"),
        ("rate=nan", "rate: 'nan' found, a finite number above 0 wanted"),
        ("rate=much", "rate: 'much' found, a finite number above 0 wanted"),
        ("warm_start=yes", "warm_start: 'yes' found, true or false wanted"),
        ("size=100", "size: '100' found, a multiple of 32 of at least 32 and at most 4096 wanted"),
        ("betas=0.9", "betas: '0.9' found, 2 values ("),
        ("grow=0.5", "grow: '0.5' found, a list, each 2 values ("),
        ("distill.sites=E,D1", "distill.sites: 'E,D1' found, a list, each one of E, D2, D3 wanted"),
        ("decay=steep", "decay: 'steep' found, one of milestones, linear, cosine, none wanted"),
        ("network.knots=8", "network.knots: model giftnet has no such setting"),
        ("network.model=dovenet", "model 'dovenet' found, one of giftnet, issam, pih wanted"),
        ("streams.shift=0.1", "model giftnet: learns from pairs alone, wanted no streams"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exits_with_2(given: Any, words: str, line: str) -> None:
    error = given(f"--set {words}", code=2)
    assert error.startswith(f"Error: {line}")
    assert error.count("\n") == 1


def test_a_wrong_value_of_a_short_option_names_the_setting(given: Any) -> None:
    assert (
        given("--width 0", code=2)
        == "Error: network.width: '0' found, an integer of at least 1 and at most 4096 wanted\n"
    )


def test_an_option_that_became_a_setting_names_it(given: Any) -> None:
    assert given("--warmup 3", code=2) == "Error: --warmup: no such option, wanted --set warmup=VALUE\n"
    assert given("--lambda 0.1", code=2) == "Error: --lambda: no such option, wanted --set distill.weight=VALUE\n"
    assert given("--supervised-only", code=2).endswith("wanted --set streams.unpaired=0\n")
    assert given("--no-shading", code=2) == "Error: --no-shading: no such option, wanted --set network.shading=VALUE\n"
    assert "No such option" in given("--momentum 3", code=2)


def test_set_wins_over_short_options_and_these_over_a_row(given: Any) -> None:
    settings = given("--set network.width=4 --width 8 --row 3 --distill E").settings
    assert settings.network == NetworkSettings(width=4, gift=("D2", "D3"))
    assert settings.distill == DistillSettings()


def test_the_help_of_set_lists_every_setting_of_every_dataclass() -> None:
    done = click.testing.CliRunner().invoke(command, ["--set", "help"])
    assert max(map(len, done.stdout.splitlines())) <= 120
    rows = [line.split() for line in done.stdout.splitlines() if not line.startswith("   ")]  # not a wrapped rest
    names = {row[0] for row in rows if row}
    assert done.exit_code == 0
    assert {"rate", "network.mlp_width", "network.knots", "distill.gamma", "streams.shift"} < names
    assert {"pace.log_every", "data.held_lights"} < names
    assert next(row for row in rows if row[:1] == ["ema"])[:6] == ["ema", "0.999", "Decay", "a", "step", "of"]
    assert all(len(row) > 2 for row in rows if row and not row[0].startswith(("--model", "also")))


def test_short_options_are_settings_that_exist() -> None:
    assert set(SHORT.values()) <= set(changes.list_names())


def test_saved_settings_come_back_equal_and_options_change_them(given: Any, tmp_path: Path) -> None:
    saved = TrainSettings(
        network=NetworkSettings(width=8, gift=("D3",)), grow=((0.5, 512),), batch=3, distill=DistillSettings(gamma=0.3)
    )
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(saved.to_dict()))
    assert given(f"--settings {file}").settings == saved
    changed = given(f"--settings {file} --batch 5 --set distill.gamma=0.4 network.width=16").settings
    assert (changed.batch, changed.distill.gamma, changed.network.width) == (5, 0.4, 16)
    assert changed.grow == ((0.5, 512),)
    assert changed.network.gift == ("D3",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "list found, the settings.json of a run wanted"),
        ('{"momentum": 1}', "TrainSettings: unknown momentum"),
        ('{"batch": "16"}', "batch: '16' found, an integer of at least 1 wanted"),
        ('{"distill": {"gama": 1}}', "DistillSettings: unknown gama, nearest gamma"),
    ],
)
def test_settings_that_no_run_saved_are_one_line(tmp_path: Path, text: str, line: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match=re.escape(f"{file}: {line}")):
        read_settings(file)


def test_a_run_with_the_settings_of_another_takes_the_same_first_step(tiny: SimpleNamespace, tmp_path: Path) -> None:
    pairs = tiny.write_pairs(tmp_path / "tiny", train=8)
    shared = f"--data {pairs} --device cpu --no-tensorboard"
    words = "--width 4 --size 32 --batch 4 --steps 2 --seed 5 --distill none"
    words += " --set network.mlp_width=8 ema=0.5 pace.log_every=1"
    first = f"{shared} --out {tmp_path / 'a'} {words}"
    second = f"{shared} --out {tmp_path / 'b'} --settings {tmp_path / 'a' / 'settings.json'} --set pace.log_every=1"
    for line in (first, second):
        assert click.testing.CliRunner().invoke(command, line.split(), catch_exceptions=False).exit_code == 0
    losses = [[row["loss"] for row in read_rows(tmp_path / name / "log.csv")] for name in ("a", "b")]
    assert len(losses[0]) == 2
    assert losses[0] == losses[1]
    assert read_settings(tmp_path / "a" / "settings.json") == read_settings(tmp_path / "b" / "settings.json")


def test_the_network_of_weights_that_are_finetuned_comes_from_them(given: Any) -> None:
    found = given("--from giftnet_w16 --steps 7")
    assert found.settings.network == NetworkSettings(width=16)
    assert found.settings.steps == 7
    assert given("--from pih").settings.network.model == "pih"
    assert given("--from pih").settings.distill.kind == "none"


def test_options_of_another_network_than_the_weights_are_named_field_by_field(tiny: Any, tmp_path: Path) -> None:
    pairs = tiny.write_pairs(tmp_path / "pairs")
    line = f"--data {pairs} --out {tmp_path / 'run'} --from giftnet_w16 --width 8 --gift D3"
    done = click.testing.CliRunner().invoke(command, line.split())
    text = "giftnet_w16: another network, width 16 found, 8 wanted; gift ['D2', 'D3', 'E'] found, ['D3'] wanted"
    assert str(done.exception) == text


def test_a_run_is_resumed_by_its_folder_alone(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, out = tiny.write_pairs(tmp_path / "pairs"), tmp_path / "run"
    monkeypatch.chdir(tmp_path)
    words = f"--data {pairs.name} --out {out} --width 4 --size 32 --batch 4 --steps 3 --distill none"
    words += " --val-share 0.3 --validate-every 2 --no-tensorboard --device cpu"
    assert click.testing.CliRunner().invoke(command, words.split(), catch_exceptions=False).exit_code == 0
    monkeypatch.chdir("/")
    found: list[Any] = []
    stopped = SimpleNamespace(complete=False), SimpleNamespace(signal=None)
    monkeypatch.setattr(train, "train", lambda _settings, paths, _out, **more: found.append((paths, more)) or stopped)
    runner = click.testing.CliRunner()
    assert runner.invoke(command, ["--out", str(out), "--resume"], catch_exceptions=False).exit_code == 0
    assert found[0][0] == DataPaths(data=(pairs,), val_share=0.3)
    assert found[0][1]["pace"] == Pace(validate_every=2)
    assert found[0][1]["resume"].step == 3
    # A folder of an earlier version knows no data, and was validated on the test list.
    (out / "options.json").unlink()
    assert runner.invoke(command, ["--out", str(out), "--resume", "--data", "x"], catch_exceptions=False).exit_code == 0
    assert found[1][0] == DataPaths(data=(Path("x"),), val_share=0.0)
    with pytest.raises(SettingsError, match="no data: wanted --data DIR"):
        runner.invoke(command, ["--out", str(out), "--resume"], catch_exceptions=False)


def command_lines() -> list[str]:
    """Each `harmonize train` of a code block in the documents, its continued lines joined."""
    found: list[str] = []
    for path in DOCUMENTS:
        text = re.sub(r"\\\n\s*", " ", path.read_text(encoding="utf-8"))
        found += re.findall(r"^ *(?:torchrun .*-m )?harmonize train (-.*?)(?: +#.*)?$", text, re.MULTILINE)
    return found


def test_the_documents_show_several_command_lines() -> None:
    assert len(command_lines()) >= 9


@pytest.mark.parametrize("line", command_lines())
def test_a_command_line_of_the_documents_is_understood(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found: list[TrainSettings] = []
    stopped = SimpleNamespace(complete=False), SimpleNamespace(signal=None)
    monkeypatch.setattr(train, "train", lambda settings, *_, **__: found.append(settings) or stopped)
    if "giftnet_w16" not in line:  # weights of a run that the reader has made
        monkeypatch.setattr(bundled, "find", lambda _name: bundled.WEIGHTS / "giftnet_w16.safetensors")
    done = click.testing.CliRunner().invoke(command, shlex.split(line), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert len(found) == 1
