"""The commands as a user calls them: from composites to a ranking."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from ccharmony.errors import StudyError
from ccharmony.images import pixels
from harmonize.cli import group
from harmonize.study.store import Store
from harmonize.study.study import FILE, Study, read_study


def run(*arguments: object) -> Result:
    return CliRunner().invoke(group, ["study", *map(str, arguments)])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, tiny: SimpleNamespace) -> Path:
    """Composites, masks, and the pictures of a method that brightens; one composite has no mask."""
    root = tmp_path_factory.mktemp("pictures")
    for name in ("composites", "masks", "brighter"):
        (root / name).mkdir()
    for number in range(4):
        composite = tiny.draw_photo(number, 60, 90)
        pixels.write_image(root / "composites" / f"p{number}.png", composite)
        pixels.write_image(root / "brighter" / f"p{number}.png", np.minimum(composite + 40, 255).astype(np.uint8))
        if number < 3:
            pixels.write_mask(root / "masks" / f"p{number}.png", tiny.draw_mask(number, 60, 90))
    return root


@pytest.fixture
def made(pictures: Path, tmp_path: Path) -> Path:
    done = run(
        "make", "--composites", pictures / "composites", "--masks", pictures / "masks", "--out", tmp_path / "study",
        "--method", "net=giftnet_w16", "--method", f"bright={pictures / 'brighter'}", "--size", 64, "--device", "cpu",
    )  # fmt: skip
    assert done.exit_code == 1, done.output  # the fourth composite has no mask
    assert "study: 3 pictures, 3 methods, 9 questions, 9 for each rater" in done.output
    assert "p3.png: no mask" in done.output
    return tmp_path / "study"


def test_a_study_shows_each_method_at_its_size(made: Path, pictures: Path) -> None:
    study = read_study(made)
    assert study.methods == ("composite", "net", "bright")
    assert study.names == ("p0", "p1", "p2")
    shown = [pixels.read_image(made / "pictures" / name).astype(int) for name in study.shown[0]]
    assert [picture.shape for picture in shown] == [(43, 64, 3)] * 3
    composite = pixels.read_image(pictures / "composites" / "p0.png")
    small = cv2.resize(composite, (64, 43), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(shown[0] - small).mean() < 4  # WebP
    assert (shown[2] - shown[0]).mean() == pytest.approx(39, abs=4)
    assert np.abs(shown[1] - shown[0]).max() > 5
    outline = pixels.read_image(made / "outlines" / study.outlines[0]).any(axis=2)
    mask = cv2.resize(pixels.read_mask(pictures / "masks" / "p0.png"), (64, 43), interpolation=cv2.INTER_AREA) > 0.5
    assert outline.any()
    assert not (outline & mask).any()
    names = {path.name for path in made.rglob("*") if path.is_file()}
    assert not any(method in name for name in names for method in study.methods)


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("composite=pih", "the name of the composite itself"),
        ("a=nothing", "nothing"),
        ("=pih", "wanted NAME=WEIGHTS"),
        ("../a=pih", "leads out of its folder"),
    ],
)
def test_a_method_that_cannot_be_used_is_refused(pictures: Path, tmp_path: Path, method: str, words: str) -> None:
    done = run("make", "--composites", pictures / "composites", "--masks", pictures / "masks",
               "--out", tmp_path / "s", "--method", method)  # fmt: skip
    assert done.exit_code != 0
    assert words in done.output + str(done.exception)
    assert not (tmp_path / "s" / FILE).exists()


def vote(study: Study, raters: int) -> None:
    """Raters who prefer "one" to "two" to "three" to the composite in three of four questions."""
    rank = {"one": 0, "two": 1, "three": 2, "composite": 3}
    random = np.random.default_rng(0)
    store = Store(study)
    for number in range(raters):
        rater = store.find_rater(store.add_rater())
        assert rater == number
        for trial, asked in enumerate(study.trials(rater)):
            left = rank[study.methods[asked.left]] < rank[study.methods[asked.right]]
            store.save(rater, trial, "left" if left == (random.random() < 0.75) else "right", 2.0)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_ranking_is_told_written_and_drawn(study: Study, tmp_path: Path) -> None:
    vote(study, 8)
    done = run("rank", study.folder, "--out", tmp_path / "out", "--html", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    assert "480 votes of 8 raters on 10 pictures" in done.output
    ranking = read(tmp_path / "out" / "ranking.csv")
    assert [row["method"] for row in ranking] == ["one", "two", "three", "composite"]
    assert sum(float(row["strength"]) for row in ranking) == pytest.approx(0, abs=1e-5)
    pairs = read(tmp_path / "out" / "differences.csv")
    assert len(pairs) == 6
    assert float(pairs[2]["wins"]) + float(pairs[2]["losses"]) == 80
    single = read(tmp_path / "out" / "pictures.csv")
    assert len(single) == 40
    assert {row["comparisons"] for row in single} == {"24"}
    raters = read(tmp_path / "out" / "raters.csv")
    assert [row["rater"] for row in raters] == [f"r{number}" for number in range(1, 9)]
    assert b"<svg" in (tmp_path / "out" / "ranking.svg").read_bytes()
    page = (tmp_path / "page.html").read_text()
    assert "color-scheme: light dark" in page
    assert page.count("<table>") == 2
    assert "<svg" in page
    assert (tmp_path / "out" / "ranking.md").read_text() == done.output


def test_exported_votes_rank_as_the_study_does(study: Study, tmp_path: Path) -> None:
    vote(study, 4)
    assert run("export", study.folder, "-o", tmp_path / "v.csv").output.endswith("264 votes\n")
    assert run("rank", tmp_path / "v.csv").output == run("rank", study.folder).output
    both = run("rank", tmp_path / "v.csv", study.folder)
    assert "480 votes of 8 raters" in both.output  # equal names in two tables are two persons


def test_raters_who_failed_can_be_left_out(study: Study) -> None:
    vote(study, 3)
    named = run("rank", study.folder)
    kept = run("rank", study.folder, "--without-failed")
    failed = [line for line in named.output.splitlines() if "no better than at random" in line]
    assert failed
    assert f"of {3 - len(failed)} rater" in kept.output or isinstance(kept.exception, StudyError)


def test_a_study_without_votes_says_so(study: Study, tmp_path: Path) -> None:
    assert "nobody has voted yet" in str(run("rank", study.folder).exception)
    assert "wanted a folder of `study make`" in str(run("rank", tmp_path).exception)
    (study.folder / FILE).write_text('{"format": "harmonize study 1"}')
    assert "damaged" in str(run("rank", study.folder).exception)


def test_a_plan_says_how_many_raters_find_the_difference() -> None:
    raters = ("--raters", 2, "--raters", 12)
    done = run("plan", "--methods", 2, "--pictures", 30, "--votes", 30, "--difference", 1.2, "--studies", 40, *raters)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0].endswith("preferred in 77%; 40 studies each")
    assert done.output.splitlines()[1] == ""
    few, many = (
        [*map(float, line.replace("%", "").replace(",", "").split())] for line in done.output.splitlines()[-2:]
    )
    assert few[:2] == [2, 60]
    assert many[:2] == [12, 360]
    assert few[2] < many[2]
    assert many[2] > 90
    assert few[3] > many[3]
    assert "wanted 2 or more" in str(run("plan", "--raters", 1).exception)
    assert "the limit is 10000000" in str(run("plan", "--raters", 10**9).exception)


def test_a_plan_without_any_spread_may_say_so_with_a_sign() -> None:
    sizes = ("--methods", 2, "--pictures", 9, "--votes", 9, "--studies", 10, "--difference", 1.2, "--raters", 9)
    plain, signed = (run("plan", *sizes, "--picture-spread", zero, "--rater-spread", zero) for zero in ("0", "-0.0"))
    assert (plain.exit_code, plain.output) == (signed.exit_code, signed.output) == (0, plain.output)
