import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from ccharmony import console
from ccharmony.images import pixels
from harmonize import cli
from harmonize.commands import evaluate
from harmonize.evaluation import protocols
from harmonize.models import giftnet
from harmonize.models.settings import NetworkSettings
from harmonize.weights import bundled, checkpoint

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Call `harmonize` with these words; gives exit code, stdout and stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        if words[0] == "apply" and "--size" not in words:
            words = (*words, "--size", "64")  # 256 costs seconds
        with pytest.raises(SystemExit) as stop:
            console.run(cli.group, [str(word) for word in words])
        out, err = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return stop.value.code, out, err

    return call


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small GiftNet that was never trained."""
    torch.manual_seed(0)
    settings = NetworkSettings(width=2, mlp_width=4)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    checkpoint.save_weights(path, giftnet.build(settings), settings, metadata={"data": "none"})
    return path


@pytest.fixture
def pairs(tiny: SimpleNamespace, tmp_path: Path) -> Path:
    return tiny.write_pairs(tmp_path / "tiny", train=1, test=3)


@pytest.fixture
def place(pairs: Path) -> SimpleNamespace:
    """One composite with its mask, as arrays and as files."""
    composite, mask = pairs / "composite_images" / "p_1_a_1.png", pairs / "masks" / "p_1_a.png"
    inside = pixels.read_mask(mask)
    return SimpleNamespace(composite=composite, mask=mask, picture=pixels.read_image(composite), inside=inside)


COMMANDS = ["train", "make-pairs", "evaluate", "apply", "serve", "export", "study", "weights"]


def test_help_lists_the_commands_with_a_line_each():
    shown = CliRunner().invoke(cli.group, ["--help"], terminal_width=200)
    assert shown.exit_code == 0
    listed = [line.split(maxsplit=1) for line in shown.output.split("Commands:")[1].strip().splitlines()]
    assert [name for name, _ in listed] == COMMANDS
    assert dict(listed) == cli.group.lazy
    assert cli.group.lazy["weights"] == "List the weights that come with the package."


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help(run, name):
    code, out, _ = run(name, "--help")
    assert code == 0
    assert out.startswith("Usage: ")
    assert f" {name} [OPTIONS]" in out.splitlines()[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_named_can_be_loaded(name):
    command = cli.group.get_command(click.Context(cli.group), name)
    assert command is not None
    assert command.name == name
    assert command.short_help in (None, cli.group.lazy[name])


def test_a_command_that_is_not_there_is_wrong_usage(run):
    code, _, err = run("no-such-command")
    assert code == 2
    assert "No such command 'no-such-command'" in err


def test_protocols_offered_are_the_protocols_there_are():
    assert list(evaluate.PROTOCOLS) == list(protocols.PROTOCOLS)


# apply


def test_apply_writes_the_picture_with_its_background_untouched(run, place, weights, tmp_path):
    code, out, _ = run("apply", place.composite, place.mask, "-o", tmp_path / "new" / "out.png", "--weights", weights)
    result = pixels.read_image(tmp_path / "new" / "out.png")
    assert (code, out) == (0, f"{tmp_path / 'new' / 'out.png'}\n")
    np.testing.assert_array_equal(result[place.inside == 0], place.picture[place.inside == 0])
    assert (result != place.picture).any()


def test_apply_at_strength_0_gives_the_composite(run, place, weights, tmp_path):
    words = ("apply", place.composite, place.mask, "-o", tmp_path / "o.png", "--weights", weights, "--strength", 0)
    assert run(*words)[0] == 0
    np.testing.assert_array_equal(pixels.read_image(tmp_path / "o.png"), place.picture)


def test_two_views_give_a_mirrored_composite_the_mirrored_result(run, place, weights, tmp_path):
    results = {}
    for turn in (False, True):
        for name, picture, write in (("c", place.picture, pixels.write_image), ("m", place.inside, pixels.write_mask)):
            write(tmp_path / f"{name}.png", np.ascontiguousarray(picture[:, ::-1] if turn else picture))
        for views in (1, 2):
            out = tmp_path / f"{turn}{views}.png"
            words = ("apply", tmp_path / "c.png", tmp_path / "m.png", "-o", out, "--weights", weights)
            assert run(*words, "--views", views)[0] == 0
            results[turn, views] = pixels.read_image(out).astype(int)
    assert np.abs(results[True, 2][:, ::-1] - results[False, 2]).max() <= 1  # of rounding
    assert np.abs(results[True, 1][:, ::-1] - results[False, 1]).max() > 1


def test_apply_into_a_folder_names_the_result_after_the_composite(run, place, weights, tmp_path):
    (tmp_path / "out").mkdir()
    assert run("apply", place.composite, place.mask, "-o", tmp_path / "out", "--weights", weights)[0] == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["p_1_a_1.png"]


def test_apply_to_folders_finds_masks_and_reports_what_it_leaves_out(run, pairs, weights, tmp_path):
    (pairs / "composite_images" / "lonely.png").write_bytes((pairs / "composite_images" / "p_1_a_1.png").read_bytes())
    (pairs / "composite_images" / "p_2_a_1.png").write_bytes(b"no picture")
    words = ("apply", pairs / "composite_images", pairs / "masks", "-o", tmp_path / "out", "--weights", weights)
    code, out, err = run(*words)
    assert code == 1
    assert out == f"{tmp_path / 'out'}: 3 harmonized, 2 left out\n"
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == [f"p_{n}_a_1.png" for n in (0, 1, 3)]
    assert "lonely.png: no mask of that name" in err
    assert run(*words, "--strict")[0] == 1


def test_apply_to_folders_matches_masks_of_the_composites_own_name(run, place, weights, tmp_path):
    for folder, source, name in (("c", place.composite, "a.PNG"), ("m", place.mask, "A.png")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(source.read_bytes())
    words = ("apply", tmp_path / "c", tmp_path / "m", "-o", tmp_path / "o", "--weights", weights, "--format", "jpg")
    assert run(*words)[0] == 0
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == [".made_by.json", "a.jpg"]


def test_apply_puts_a_cutout_on_a_background(run, weights, tmp_path, tiny):
    background = tiny.draw_photo(5, 60, 80)
    pixels.write_image(tmp_path / "bg.png", background)
    cutout = np.dstack([tiny.draw_photo(6, 20, 20), np.full((20, 20), 255, np.uint8)])
    Image.fromarray(cutout).save(tmp_path / "cut.png")
    words = ("apply", tmp_path / "cut.png", "--background", tmp_path / "bg.png", "--position", "70,-5")
    code, _, _ = run(*words, "--scale", 0.5, "-o", tmp_path / "o.png", "--weights", weights)
    assert code == 0
    changed = (pixels.read_image(tmp_path / "o.png") != background).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max()) == (0, 4)
    assert (columns.min(), columns.max()) == (70, 79)


def test_cutouts_of_a_folder_go_to_the_middle_of_one_background(run, weights, tmp_path, tiny):
    background = tiny.draw_photo(5, 60, 80)
    pixels.write_image(tmp_path / "bg.png", background)
    (tmp_path / "cuts").mkdir()
    for name, side in (("a", 20), ("b", 11)):
        cutout = np.dstack([tiny.draw_photo(6, side, side), np.full((side, side), 255, np.uint8)])
        Image.fromarray(cutout).save(tmp_path / "cuts" / f"{name}.png")
    words = ("apply", tmp_path / "cuts", "--background", tmp_path / "bg.png", "-o", tmp_path / "out")
    assert run(*words, "--weights", weights)[:2] == (0, f"{tmp_path / 'out'}: 2 harmonized, 0 left out\n")
    for name, rows, columns in (("a", (20, 39), (30, 49)), ("b", (24, 34), (34, 44))):
        changed = np.nonzero((pixels.read_image(tmp_path / "out" / f"{name}.png") != background).any(axis=2))
        assert [(int(axis.min()), int(axis.max())) for axis in changed] == [rows, columns]


def test_before_after_is_composite_and_result_side_by_side(run, place, pairs, weights, tmp_path):
    out, both = tmp_path / "o.png", tmp_path / "sub" / "both.png"
    words = ("apply", place.composite, place.mask, "-o", out, "--weights", weights, "--before-after", both)
    assert run(*words)[0] == 0
    found = pixels.read_image(both)
    assert found.shape == (40, 48 + 1 + 48, 3)
    np.testing.assert_array_equal(found[:, :48], place.picture)
    np.testing.assert_array_equal(found[:, 49:], pixels.read_image(out))
    folder = ("apply", pairs / "composite_images", pairs / "masks", "-o", tmp_path / "out", "--weights", weights)
    code, _, errors = run(*folder, "--before-after", tmp_path / "both" / ".." / "out")
    assert code == 1
    assert "out: is two outputs, wanted a folder for each" in errors
    assert run(*folder, "--before-after", tmp_path / "both")[0] == 0
    assert sorted(path.name for path in (tmp_path / "both").glob("*.png")) == [f"p_{n}_a_1.png" for n in range(4)]


@pytest.mark.parametrize(
    ("share", "line"),
    [
        (0, "m.png: nothing is foreground, the result is the composite"),
        (0.9, "m.png: 90 % is foreground; is it inverted?"),
        (1, "m.png: 100 % is foreground"),
        (0.5, ""),
    ],
)
def test_a_mask_that_selects_nothing_or_nearly_all_is_remarked_on(run, place, weights, tmp_path, share, line, caplog):
    mask = np.zeros((40, 48), bool)
    mask[: round(40 * share)] = True
    pixels.write_mask(tmp_path / "m.png", mask)
    code, *_ = run("apply", place.composite, tmp_path / "m.png", "-o", tmp_path / "o.png", "--weights", weights)
    assert code == 0
    assert line in caplog.text
    assert ("foreground" in caplog.text) == bool(line)


@pytest.mark.parametrize("name", ["results.v2/", "results.v2"])
def test_a_folder_with_a_dot_ends_with_a_slash(run, place, weights, tmp_path, name):
    code, _, err = run("apply", place.composite, place.mask, "-o", f"{tmp_path}/{name}", "--weights", weights)
    if name.endswith("/"):
        assert (tmp_path / "results.v2" / "p_1_a_1.png").is_file()
    else:
        assert code == 1
        assert ".v2 is not a format to write" in err
        assert "weights" not in err  # refused before they are loaded


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "wanted MASK, or --background"),
        (("m.png", "--background", "b.png"), "found MASK too"),
        (("--background", "b.png", "--position", "7"), "wanted two whole numbers"),
        (("m.png", "--size", "large"), "wanted a number of pixels or full"),
        (("m.png", "--format", "gif"), "'gif' is not one of"),
        (("m.png", "--views", "2", "--weights", "net.onnx"), "--views 2 is for weights that torch runs"),
    ],
)
def test_wrong_usage_of_apply_exits_with_2(run, words, message):
    code, _, err = run("apply", "c.png", *words, "-o", "o.png")
    assert code == 2
    assert message in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--size", "100"), "error: size: 100 found, a multiple of 32 or full wanted"),
        (("--strength", "1.5"), "error: strength: 1.5 found, a finite number of at least 0 and at most 1 wanted"),
        (("--strength", "-1"), "error: strength: -1.0 found"),
        (("--weights", "absent.safetensors"), "error: absent.safetensors: no such weights"),
    ],
)
def test_a_wrong_setting_of_apply_is_one_line(run, place, weights, tmp_path, options, message):
    words = ("apply", place.composite, place.mask, "-o", tmp_path / "o.png", "--weights", weights, *options)
    code, _, err = run(*words)
    assert code == 1
    assert err.splitlines()[-1].startswith(message)
    assert not (tmp_path / "o.png").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "damaged or not a safetensors file"),
        (b"not weights at all", "damaged or not a safetensors file"),
        (b"\x80\x04K\x01.", "not a checkpoint of plain tensors"),
    ],
)
def test_a_file_that_holds_no_weights_is_one_line(run, place, tmp_path, data, message):
    (tmp_path / "bad.safetensors").write_bytes(data)
    words = ("apply", place.composite, place.mask, "-o", tmp_path / "o.png", "--weights", tmp_path / "bad.safetensors")
    code, _, err = run(*words)
    assert code == 1
    assert f"bad.safetensors: {message}" in err.splitlines()[-1]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("command", ["apply", "evaluate"])
def test_no_cuda_where_it_is_asked_for_is_one_line(run, place, pairs, weights, tmp_path, command):
    words = ("apply", place.composite, place.mask, "-o", tmp_path / "o.png") if command == "apply" else ()
    code, _, err = run(*(words or ("evaluate", "--data", pairs)), "--weights", weights, "--device", "cuda")
    assert code == 1
    assert err.splitlines()[-1].startswith("error: device cuda: no CUDA here")


def test_apply_without_any_weights_is_one_line(run, place, tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "list_weights", list)
    code, _, err = run("apply", place.composite, place.mask, "-o", tmp_path / "o.png")
    assert code == 1
    assert err.splitlines()[-1].startswith("error: no weights are bundled with this version")


def test_apply_does_not_write_over_its_input(run, place, pairs, weights):
    code, _, err = run("apply", place.composite, place.mask, "-o", place.composite, "--weights", weights)
    assert (code, "is an input" in err) == (1, True)
    folder = pairs / "composite_images"
    code, _, err = run("apply", folder, pairs / "masks", "-o", folder, "--weights", weights)
    assert (code, "composite_images, which is read" in err) == (1, True)


def test_a_mask_of_another_size_is_one_line(run, place, weights, tmp_path):
    pixels.write_mask(tmp_path / "m.png", np.ones((9, 9)))
    code, _, err = run("apply", place.composite, tmp_path / "m.png", "-o", tmp_path / "o.png", "--weights", weights)
    assert code == 1
    wanted = "mask of 9x9, its photo is 48x40; wanted that size or a scaled copy"
    assert err.splitlines()[-1] == f"error: {tmp_path / 'm.png'}: {wanted}"


def test_a_composite_that_is_absent_or_broken_is_one_line(run, place, weights, tmp_path):
    whole = pixels.encode(place.picture, ".jpg")
    (tmp_path / "half.jpg").write_bytes(whole[: -len(whole) // 4])
    for name, message in (("absent.png", "cannot be read"), ("half.jpg", "truncated JPEG")):
        code, _, err = run("apply", tmp_path / name, place.mask, "-o", tmp_path / "o.png", "--weights", weights)
        assert code == 1
        assert err.splitlines()[-1].startswith(f"error: {tmp_path / name}: ")
        assert message in err


# evaluate


def test_evaluate_prints_the_table_and_writes_the_report(run, pairs, weights, tmp_path):
    code, out, _ = run("evaluate", "--data", pairs, "--weights", weights, "--out", tmp_path / "out")
    assert code == 0
    assert out == (tmp_path / "out" / "report.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines() if line.startswith("|")]
    assert rows[0] == ["Set", "", "n", "MSE", "fMSE", "PSNR", "fPSNR", "SSIM", "fSSIM", "worse"]
    assert [row[:3] for row in rows[2:4]] == [["tiny", "composite", "3"], ["", "harmonized", "3"]]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["weights"]["settings"]["width"] == 2
    assert report["weights"]["metadata"] == {"data": "none"}
    assert len(report["weights"]["sha256"]) == 64


def test_evaluate_scores_two_views_and_says_so(run, pairs, weights, tmp_path):
    means = []
    for views in (1, 2):
        out = tmp_path / str(views)
        assert run("evaluate", "--data", pairs, "--weights", weights, "--views", views, "--out", out)[0] == 0
        report = json.loads((out / "report.json").read_text())
        assert report["weights"].get("views", 1) == views
        assert ("2 views" in (out / "report.md").read_text()) == (views == 2)
        means.append(report["overall"]["harmonized"]["fmse"])
    assert means[0] != means[1]


def test_evaluate_takes_several_datasets_after_one_option(run, tiny, weights, tmp_path):
    roots = [tiny.write_pairs(tmp_path / name, train=1, test=1) for name in ("A", "B")]
    code, out, _ = run("evaluate", "--data", *roots, "--weights", weights)
    assert code == 0
    assert [line.split("|")[1].strip() for line in out.splitlines() if "composite " in line][:3] == ["A", "B", "all"]


def test_evaluate_at_full_size_with_the_wrong_protocol_is_one_line(run, pairs, weights):
    code, _, err = run("evaluate", "--data", pairs, "--weights", weights, "--size", "full")
    assert code == 1
    assert err.splitlines()[-1].startswith("error: protocol issam: scores at 256x256 only")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "wanted --data DIR, or --compare"),
        (("--data", "d", "--weights", "w", "--predictions", "p"), "exclude each other"),
        (("--data", "d", "--views", "2", "--predictions", "p"), "exclude each other"),
        (("--data", "d", "--compare", "a.csv", "b.csv"), "found --data too"),
        (("--data", "d", "--protocol", "mine"), "'mine' is not one of"),
    ],
)
def test_wrong_usage_of_evaluate_exits_with_2(run, words, message):
    code, _, err = run("evaluate", *words)
    assert code == 2
    assert message in err


def test_evaluate_of_a_folder_without_a_dataset_is_one_line(run, weights, tmp_path):
    code, _, err = run("evaluate", "--data", tmp_path, "--weights", weights)
    assert code == 1
    assert "no composite_images (or composite, mask and real) in it" in err.splitlines()[-1]


def test_compare_says_which_is_better_and_what_does_not_match(run, tiny, weights, tmp_path):
    pairs = tiny.write_pairs(tmp_path / "data" / "tiny", train=0, test=7)
    run("evaluate", "--data", pairs, "--weights", weights, "--out", tmp_path / "network")
    run("evaluate", "--data", pairs, "--predictions", pairs / "composite_images", "--out", tmp_path / "nothing")
    table = tmp_path / "nothing" / "images.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    code, out, err = run("evaluate", "--compare", tmp_path / "network" / "images.csv", table)
    assert code == 1
    assert "protocol issam; 6 pictures of 6 photos" in out
    assert "6 photos: intervals are too narrow below 30" in err
    mse = next(line.split() for line in out.splitlines() if line.startswith("mse"))
    assert mse[-1] == "B"
    assert "only in A, left out: 1 (tiny/p_6_a_1.png)" in out


# weights


def test_weights_lists_what_is_bundled_and_shows_a_card(run, weights, tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "WEIGHTS", tmp_path)
    assert run("weights") == (0, "no weights are bundled with this version\n", "")
    data = weights.read_bytes()
    (tmp_path / "giftnet.safetensors").write_bytes(data)
    (tmp_path / "giftnet.md").write_text("# A card\n\nResearch only.\n")
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(data).hexdigest()}  giftnet.safetensors\n")
    code, out, _ = run("weights")
    assert (code, out.split()[:2]) == (0, ["giftnet", "giftnet"])
    assert "(default)" in out
    assert run("weights", "giftnet") == (0, "# A card\n\nResearch only.\n", "")
    code, _, err = run("weights", "other")
    assert (code, err) == (1, "error: other: no such weights, bundled are giftnet\n")


def test_weights_that_were_altered_are_refused(run, weights, tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "WEIGHTS", tmp_path)
    (tmp_path / "giftnet.safetensors").write_bytes(weights.read_bytes())
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  giftnet.safetensors\n")
    code, _, err = run("weights")
    assert code == 1
    assert "SHA-256" in err
