"""The scripts of examples/: each runs by itself, with data that it makes, and leaves the right results."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = {
    "own_photos_to_dataset.py",
    "harmonize_one_picture.py",
    "train_in_a_notebook.py",
    "score_another_method.py",
    "a_network_of_your_own.py",
    "comfyui_node.py",  # these two in test_examples_in_programs.py
    "gradio_page.py",
}


def run(script: str, folder: Path, *arguments: str) -> str:
    """Run a script in a folder and return what it printed."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / script), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path), np.float64)


def test_every_example_is_run_here() -> None:
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == SCRIPTS


def test_own_photos_become_pairs_in_the_light_of_their_donors(tmp_path: Path) -> None:
    printed = run("own_photos_to_dataset.py", tmp_path)
    assert "files that do not fit the tables: 0" in printed
    with (tmp_path / "own_dataset" / "manifest.csv").open(newline="") as file:
        pairs = list(csv.DictReader(file))
    assert len(pairs) == 10
    for pair in pairs:
        composite, real = (read(tmp_path / "own_dataset" / pair[part]) for part in ("composite", "real"))
        mask = read(tmp_path / "own_dataset" / pair["mask"]) > 0
        height, width = mask.shape
        # The scene is the same in all photos, and the crop begins in a corner: the truth is the donor's own photo.
        photos = tmp_path / "own_photos" / "photos"
        own, donor = (read(photos / f"{pair[name]}.png") for name in ("photo", "donor"))
        tops, lefts = (0, own.shape[0] - height), (0, own.shape[1] - width)
        corner = min(
            ((top, left) for top in tops for left in lefts),
            key=lambda at: np.abs(own[at[0] : at[0] + height, at[1] : at[1] + width] - real).mean(),
        )
        truth = donor[corner[0] : corner[0] + height, corner[1] : corner[1] + width]
        before, after = (np.abs(picture - truth)[mask].mean() for picture in (real, composite))
        assert after < min(before / 2, 8), pair["composite"]


def test_one_picture_is_harmonized_and_its_background_stays(tmp_path: Path) -> None:
    printed = run("harmonize_one_picture.py", tmp_path)
    composite, mask, result = (read(tmp_path / f"{name}.png") for name in ("composite", "mask", "harmonized"))
    background = mask[..., 0] == 0
    np.testing.assert_array_equal(result[background], composite[background])
    change = np.square(result - composite)[~background].mean()
    assert change > 100
    assert f"differs from the composite by an fMSE of {change:.1f}" in printed
    before, after = (float(part.split()[-1]) for part in printed.splitlines()[-1].split(", "))
    assert after < before


def test_files_can_be_named_on_the_command_line(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(tmp_path / f"{name}.png")
    printed = run("harmonize_one_picture.py", tmp_path, "a.png", "b.png", "c.png")
    assert read(tmp_path / "c.png").shape == (64, 64, 3)
    assert "real picture" not in printed


@pytest.mark.parametrize(
    ("script", "model", "steps"),
    [("train_in_a_notebook.py", "giftnet", 30), ("a_network_of_your_own.py", "mean_colors", 150)],
)
def test_a_trained_network_beats_the_composites(tmp_path: Path, script: str, model: str, steps: int) -> None:
    run(script, tmp_path)
    report = json.loads((tmp_path / "run" / "evaluation" / "report.json").read_text())
    before, after = (report["overall"][name] for name in ("composite", "harmonized"))
    assert before["n"] == after["n"] == 10
    assert after["fmse"] < 0.8 * before["fmse"]
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert f'"model": "{model}"' in json.dumps(settings)
    with (tmp_path / "run" / "log.csv").open(newline="") as file:
        assert list(csv.DictReader(file))[-1]["step"] == str(steps)


def test_another_method_is_scored_and_compared(tmp_path: Path) -> None:
    printed = run("score_another_method.py", tmp_path)
    for protocol in ("issam", "standard"):
        report = json.loads((tmp_path / "scores" / protocol / "predictions" / "report.json").read_text())
        assert (report["protocol"], report["predictions"]) == (protocol, "predictions")
        before, after = (report["overall"][name]["fmse"] for name in ("composite", "harmonized"))
        assert after < 0.1 * before
    errors = []
    for number in range(12):  # the gray world's pictures, scored again: standard counts whole levels at 256x256
        pictures = [
            tmp_path / "predictions" / f"p{number}_1_1.png",
            tmp_path / "pairs" / "real_images" / f"p{number}.png",
        ]
        prediction, real = (read(path) for path in pictures)
        inside = read(tmp_path / "pairs" / "masks" / f"p{number}_1.png")[..., 0] > 0
        errors.append(np.square(prediction - real)[inside].mean())
    assert report["overall"]["harmonized"]["fmse"] == pytest.approx(np.mean(errors), rel=0.15)
    lines = [line for line in printed.splitlines() if "better" in line]
    assert [line.split(":")[0] for line in lines] == ["mse", "fmse", "psnr", "fpsnr", "ssim", "fssim"]
    assert all(line.endswith("better: A") for line in lines)


def test_the_notebook_runs_in_a_kernel_that_has_arguments_of_its_own(tmp_path: Path) -> None:
    script = str(ROOT / "examples" / "train_in_a_notebook.py")
    code = (
        "import sys, types; sys.modules['ipykernel'] = types.ModuleType('ipykernel'); "
        f"sys.argv = ['launcher', '-f', 'kernel.json']; exec(open({script!r}).read())"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "best.safetensors").is_file()
    assert not (tmp_path / "-f").exists()
