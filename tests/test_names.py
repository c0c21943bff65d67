"""Odd names of photos through the commands: each is refused by name in one line, or comes out equal everywhere."""

import csv
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from ccharmony.dataset.fits import read_fits
from ccharmony.dataset.manifest import read_manifest
from ccharmony.images import pixels
from ccharmony.inspection import marks
from harmonize.evaluation import compare
from tests.ccharmony.conftest import CORNERS, ball_mask, light, render

KEPT = (
    *("=cmd", "=1+2", "+1", "-1", "-rf", "--help", "@x", "'=q", "''+q", "'a", "'", "1e5", "007"),
    *("a_b", "_", "__", "kitchen_a_1", "mask", "a_composite", "a.b.c", "dot.", "two..dots", "a.png"),
    *("a,b", "a;b", 'say "so"', "100%", "%s%n", "$(id)", "`id`", "#1", "~", "{0}", "<b>&amp;", "a:b*?|", "two words"),
    *("CON", "nul", "COM1", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "e\u0301te\u0301", "שלום", "日本", "ﬁ"),
    *("fdp.\u202egnp", "\u2066turned", "mark\u200f", "zero\u200bwidth", "\ufe0e", "x" * 180),
)
REFUSED = {
    " lead": "begins or ends with a blank",
    "trail ": "begins or ends with a blank",
    "trail\u00a0": "begins or ends with a blank",
    "\ttab": "has the character '\\t'",
    "two\nlines": "has the character '\\n'",
    "\r=cmd": "has the character '\\r'",
    "\x1b[31mred": "has the character '\\x1b'",
    "\x9b31mred": "has the character '\\x9b'",
    "title\x1b]0;x\x07": "has the character '\\x1b'",
    "del\x7f": "has the character '\\x7f'",
    "next\x85": "has the character '\\x85'",
    "line\u2028": "has the character '\\u2028'",
    "\ufeffbom": "has the character '\\ufeff'",
    os.fsdecode(b"caf\xe9"): "has the character '\\udce9'",
    "back\\slash": "leads out of its folder",
    "y" * 181: "has 181 bytes, the limit is 180",
}
TWINS = ("Upper", "upper")
HIDDEN = (".hidden", "..", "...")
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
COMPUTED = re.compile(r"[=+\-@\t\r]")


class Said(NamedTuple):
    """What a command left on the terminal."""

    code: int
    out: str
    err: str


def say(program: str, *args: object) -> Said:
    """Run a command; whatever it says is UTF-8 and holds nothing that a terminal obeys."""
    code = f"from {program}.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *map(str, args)], capture_output=True, check=False)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert not OBEYED.findall(out + err), (args, out, err)
    assert "Traceback" not in err, err
    return Said(done.returncode, out, err)


def write_photos(data: Path, names: Sequence[str]) -> None:
    """Write a folder source: one scene in eight lights, chart corners and one mask for each name."""
    for folder in ("photos", "masks"):
        (data / folder).mkdir(parents=True)
    lights = [render(light(0.55 + 0.1 * number, 0.95 - 0.05 * number)) for number in range(8)]
    for number, name in enumerate(names):
        picture = lights[number % len(lights)]
        picture[0, 0] = number  # no picture comes twice, which verify would name
        pixels.write_image(data / "photos" / f"{name}.png", picture)
        pixels.write_mask(data / "masks" / f"{name}_a.png", ball_mask())
    with (data / "checkers.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows((name, *CORNERS.ravel()) for name in (*KEPT, "Upper"))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos of odd names in a source whose own name is odd."""
    root = tmp_path_factory.mktemp("names")
    write_photos(root / "in\x1b[2J\nto", (*KEPT, *REFUSED, *TWINS, *HIDDEN))
    return root


@pytest.fixture(scope="module")
def built(odd: Path) -> tuple[Path, Said]:
    """The dataset that was built of them, in a folder with an odd name, and what the build said."""
    out = odd / "out\x1b[31m\nset"
    options = ("--composites", 1, "--format", "png", "--max-clipped", 1, "--min-change", 0)
    return out, say("ccharmony", "build", "--src", "folder", "--data", odd / "in\x1b[2J\nto", "--out", out, *options)


def test_each_odd_name_is_refused_in_a_line_or_built(built: tuple[Path, Said]) -> None:
    out, said = built
    problems = json.loads((out / "build.json").read_text(encoding="utf-8"))["problems"]
    assert said.code == 1
    for name, reason in REFUSED.items():
        assert [line for line in problems if f"{name!r} {reason}" in line], name
    twins = [line for line in problems if "upper.png is not" in line or "upper_a.png: a second mask" in line]
    assert (len(problems), len(twins)) == (len(REFUSED) + 2, 2)
    built_names = {unicodedata.normalize("NFC", name) for name in (*KEPT, "Upper")}
    assert {row.photo for row in read_manifest(out / "manifest.csv")} == built_names


def test_every_reader_gets_the_names_back(built: tuple[Path, Said]) -> None:
    out, _ = built
    rows = read_manifest(out / "manifest.csv")
    names = {row.photo for row in rows}
    assert {record.id for record in read_fits(out / "fits.h5")} == names
    assert {row.mask for row in rows} == {f"masks/{name}_a.png" for name in names}
    assert {row.real for row in rows} == {f"real_images/{name}.png" for name in names}


def test_verify_accepts_what_build_accepted(built: tuple[Path, Said]) -> None:
    said = say("ccharmony", "verify", built[0], "--deep")
    assert said.code == 0, said.out
    assert said.out.endswith(", 0 problems\n")


def test_inspect_shows_every_name(built: tuple[Path, Said]) -> None:
    names = {row.photo for row in read_manifest(built[0] / "manifest.csv")}
    said = say("ccharmony", "inspect", built[0], "--top", 0)
    assert said.code == 0
    assert "fdp.\\u202egnp" in said.out
    assert all(f"\n{name} " in said.out for name in names if not OBEYED.search(name))
    one = say("ccharmony", "inspect", built[0], "--photo=-1")
    assert one.out.startswith("-1: ")


def test_scores_are_named_after_the_photos(built: tuple[Path, Said], tmp_path: Path) -> None:
    out, scores = built[0], tmp_path / "scores"
    rows = read_manifest(out / "manifest.csv")
    options = ("--split", "all", "--predictions", out / "composite_images", "--out", scores)
    said = say("harmonize", "evaluate", "--data", out, *options)
    assert said.code == 0, said.out
    table = compare.read_table(scores / "images.csv")
    assert {name for _, name in table.scores} == {Path(row.composite).name for row in rows}
    assert set(table.photos.values()) == {row.photo for row in rows}


def test_no_cell_of_a_name_is_computed_by_a_spreadsheet(built: tuple[Path, Said], tmp_path: Path) -> None:
    with (built[0] / "manifest.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert "'=cmd" in cells
    assert "''=q" in cells
    assert not [cell for cell in cells if COMPUTED.match(cell)]
    table = tmp_path / "marks.csv"
    table.write_text("photo,mark,fit\n'=cmd,bad,\n''=q,bad,\n'a,bad,\n", encoding="utf-8")
    assert marks.read_excluded(table) == {"=cmd", "'=q", "'a"}


def test_errors_about_arguments_are_escaped_too(tmp_path: Path) -> None:
    absent = tmp_path / "absent\x1b[2J\nerror: none"
    said = say("ccharmony", "verify", absent)
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert said.err.startswith(f"error: {tmp_path}/absent\\x1b[2J\\nerror: none/manifest.csv: ")
    assert say("ccharmony", "build", "--src", "\x1b[2J", "--out", tmp_path / "out").code == 1
    assert say("ccharmony", "\x1b[2J").code == 2
    assert say("ccharmony", "build", "--\x1b[2J").code == 2
