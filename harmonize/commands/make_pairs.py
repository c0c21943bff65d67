"""`harmonize make-pairs`: the validation pairs of a training run on photos, as files that every evaluation reads."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ccharmony.arguments import LocalPath, WholeNumber
from ccharmony.console import echo
from ccharmony.outputs import Job, claim_folder

_FOLDER = LocalPath(file_okay=False)
_FILE = LocalPath(dir_okay=False)


@click.command("make-pairs", short_help="Write the validation pairs of photos under donor lights.")
@click.option("--photos", type=_FOLDER, required=True, help="Photos with masks (index.csv, images, masks).")
@click.option("--lights", type=_FILE, required=True, help="fits.h5 whose held train lights are the donors.")
@click.option("--out", type=_FOLDER, required=True, help="Folder of the new dataset.")
@click.option(
    "--held-lights", type=WholeNumber(), default=50, show_default=True, help="Lights that only validation uses."
)
@click.option("--each", type=WholeNumber(1), default=1, show_default=True, help="Composites a photo.")
def command(photos: Path, lights: Path, out: Path, held_lights: int, each: int) -> None:
    """Write the photos of the split val relit to the donor lights that training never uses, in iHarmony4's layout.

    The pairs are those that `harmonize train` validates on with the same options; `harmonize evaluate --data OUT`
    scores any method on them.
    """
    from harmonize.data.held_out_pairs import FOLDERS, HeldPairs
    from harmonize.data.lights import hold_out, read_lights  # torch takes seconds; --help should not
    from harmonize.data.photos import find_photos

    job = Job("harmonize make-pairs", FOLDERS)
    with claim_folder(out, job, [photos, lights]):
        _, held = hold_out(read_lights(lights), held_lights)
        found = find_photos(photos, "val")
        pairs = HeldPairs(found, held, each=each)
        pairs.write(out)
    for photo in pairs.without:
        echo(f"left out: {photo}: no held-out light is suitable for it", err=True)
    echo(f"{out}: {len(pairs)} pairs of {len(found)} photos under {len(held)} lights", err=True)
    sys.exit(1 if pairs.without else 0)
