"""`harmonize evaluate`: tables of scores, or a comparison of two such tables."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ccharmony.arguments import LocalPath, PlaceOfData, WholeNumber
from ccharmony.command_classes import VariadicCommand
from ccharmony.console import echo, echo_lines, progress_bar
from ccharmony.urls import Place
from harmonize.commands import shared

if TYPE_CHECKING:
    from ccharmony.dataset.formats.pair_files import Split
    from harmonize.evaluation.compare import Comparison
    from harmonize.inference.image import Size

_FOLDER = LocalPath(file_okay=False)
_FILE = LocalPath(dir_okay=False)
_DATASET = PlaceOfData()
# Named here too, so that --help does not import the protocols' libraries; a test holds the two together.
PROTOCOLS = ("issam", "standard", "pctnet", "dovenet", "iih", "harmonizer")


@click.command("evaluate", cls=VariadicCommand, variadic=("--data",))
@click.option(
    "--data",
    type=_DATASET,
    multiple=True,
    help="Datasets in iHarmony4's layout, roots of several, tables of triplets (.csv), packed ones, their shards "
    "also by URL (s3://…), or RealHM.",
)
@click.option("--split", type=click.Choice(["train", "val", "test", "all"]), default="test", show_default=True)
@shared.weights_option
@shared.views_option
@click.option("--predictions", type=_FOLDER, help="Score the pictures of this folder, named after their composites.")
@click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS),
    default="issam",
    show_default=True,
    help="Whose evaluation code is followed; issam is the paper's.",
)
@click.option(
    "--size",
    type=click.Choice(["256", "full"]),
    default="256",
    show_default=True,
    help="full scores at full resolution, with protocol standard or pctnet.",
)
@click.option(
    "--network-size",
    callback=shared.read_size,
    default="256",
    metavar="SIDE|full",
    show_default=True,
    help="Side of what the network sees with --size full.",
)
@click.option(
    "--ring",
    metavar="N|NEAR:FAR",
    help="Inpaint N pixels of background next to the foreground before the network sees the composite, or a ring "
    "farther out as a control: what a network does without the seam.",
)
@click.option("--paste", is_flag=True, help="Paste the background back before scoring; papers score the raw output.")
@click.option("--out", type=_FOLDER, help="Folder for report.json, images.csv and report.md.")
@shared.strict_option
@shared.device_option
@click.option("--batch", type=WholeNumber(1), help="Pictures a step. [32 on a GPU, 1 on a CPU]")
@click.option("--threads", type=WholeNumber(1), help="Pictures decoded and scored at a time. [one a core]")
@click.option(
    "--compare", type=_FILE, nargs=2, metavar="A.csv B.csv", help="Compare two images.csv by a paired bootstrap."
)
@click.option("--resamples", type=WholeNumber(100), default=10_000, show_default=True, help="For --compare.")
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True, help="For --compare.")
def command(
    data: tuple[Place, ...],
    split: Split,
    weights: str | None,
    views: int,
    predictions: Path | None,
    protocol: str,
    size: str,
    network_size: Size,
    ring: str | None,
    paste: bool,
    out: Path | None,
    strict: bool,
    device: str,
    batch: int | None,
    threads: int | None,
    compare: tuple[Path, Path] | None,
    resamples: int,
    seed: int,
) -> int:
    """Score a network, or the pictures that another method made, on datasets.

    The composite itself is the first row of every table: what doing nothing scores. The exit code is 1 where a pair, or
    a whole set that a list names, was left out; the report names each.
    """
    if compare is not None:
        if data:
            raise click.UsageError("--compare reads two tables and no data, found --data too")
        return _compare(compare, resamples, seed)
    if not data:
        raise click.UsageError("wanted --data DIR, or --compare A.csv B.csv")
    if predictions and (weights or views > 1):
        raise click.UsageError(f"--{'weights' if weights else 'views'} and --predictions exclude each other")
    # torch takes seconds; --help should not
    from harmonize.evaluation import evaluate, methods, protocols, report, scoring
    from harmonize.evaluation.ring import read_ring

    hidden = read_ring(ring) if ring else None
    rules = scoring.Rules(protocols.find(protocol), size == "full", paste, network_size, hidden)
    method = methods.open_predictions(predictions) if predictions else methods.open_weights(weights, device, views)
    with progress_bar() as progress:
        result = evaluate.evaluate(
            data,
            method,
            rules,
            split=split,
            out=out,
            strict=strict,
            threads=threads,
            batch=batch,
            progress=partial(progress, "pictures"),
        )
    echo_lines(report.to_markdown(result))
    return 1 if result["skipped"] else 0


def _compare(paths: tuple[Path, Path], resamples: int, seed: int) -> int:
    """Print a comparison; 1 where a picture of one table is not in the other."""
    from harmonize.evaluation import compare

    a, b = (compare.read_table(path) for path in paths)
    found = compare.compare(a, b, resamples=resamples, seed=seed)
    echo_lines(_format(found, a.protocol, paths))
    if found.photos < compare.FEW_PHOTOS:
        few = f"{found.photos} photos: intervals are too narrow below {compare.FEW_PHOTOS}"
        echo(f"{few}, take a difference that is barely found with care", err=True)
    return 1 if found.only_a or found.only_b else 0


def _format(found: Comparison, protocol: str, paths: tuple[Path, Path]) -> str:
    lines = [
        f"A {paths[0]}",
        f"B {paths[1]}",
        f"protocol {protocol}; {found.pictures} pictures of {found.photos} photos; photos resampled",
        "",
        f"{'':6} {'A':>10} {'B':>10} {'B - A':>10}   {'95 % interval':^22} {'p':>7}  better",
    ]
    for row in found.differences:
        numbers = f"{row.a:10.4f} {row.b:10.4f} {row.difference:+10.4f}"
        lines.append(f"{row.metric:6} {numbers}   {row.low:+10.4f} {row.high:+10.4f}  {row.p:7.4f}  {row.better}")
    for name, missing in (("A", found.only_a), ("B", found.only_b)):
        if missing:
            shown = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
            lines.append(f"only in {name}, left out: {len(missing)} ({shown})")
    return "\n".join(lines) + "\n"
