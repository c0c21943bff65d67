"""`harmonize export`: a network for programs without torch."""

from __future__ import annotations

from pathlib import Path

import click

from ccharmony.arguments import LocalPath, force_option
from ccharmony.console import echo
from ccharmony.files import make_folder
from ccharmony.outputs import check_files
from harmonize.commands import shared


@click.command("export", short_help="Write a network as an ONNX file, for programs without torch.")
@click.option("--onnx", "file", type=LocalPath(dir_okay=False), required=True, help="File to write.")
@shared.weights_option
@force_option
def command(file: Path, weights: str | None, force: bool) -> None:
    """Write a network as an ONNX file of any batch, height and width, once it agrees with torch on five sizes.

    `harmonize apply --weights FILE.onnx` applies it without torch.
    """
    from harmonize.exported import export
    from harmonize.weights import cards

    chosen = weights or cards.default_weights()
    check_files([file], [Path(chosen)], force=force)
    make_folder(file.parent)
    done = export.export_onnx(file, chosen)
    size = file.stat().st_size / 1e6
    what = f"{chosen} ({done.model}), opset {export.OPSET}, {size:.1f} MB"
    echo(f"{file}: {what}; at most {done.difference:.1g} from torch on {len(export.SIZES)} sizes")
