"""The average of several checkpoints of one network, weight by weight.

    python -m benchmarks.average --out MEAN/best.safetensors giftnet_w16=1 RUN/best.safetensors=1 RUN/last.safetensors=2

Checkpoints of runs that began from the same weights lie in one basin, and their average often does better on pictures
of other kinds than each of them. Settings and notes are those of the last that is named; what was averaged is noted.

References
----------
- Wortsman et al., *Robust fine-tuning of zero-shot models*, CVPR 2022.
- Wortsman et al., *Model soups*, ICML 2022.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch

from ccharmony.errors import WeightsError
from harmonize.weights import checkpoint


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write.")
@click.argument("parts", nargs=-1, required=True, metavar="WEIGHTS=SHARE…")
def main(out: Path, parts: tuple[str, ...]) -> None:
    """Write the average of weights, by their shares; the shares are divided by their sum."""
    split = [part.rpartition("=") for part in parts]
    shares = torch.tensor([float(share) for _, _, share in split], dtype=torch.float64)
    shares /= shares.sum()
    loaded = [checkpoint.load(name) for name, _, _ in split]
    last = loaded[-1]
    tables = [each.net.state_dict() for each in loaded]
    if any(table.keys() != tables[-1].keys() for table in tables):
        raise WeightsError(f"{', '.join(parts)}: networks of different layers found, one network wanted")
    mean = {
        name: sum(float(share) * table[name].double() for share, table in zip(shares, tables, strict=True)).to(values)
        if values.is_floating_point()
        else values
        for name, values in tables[-1].items()
    }
    last.net.load_state_dict(mean)
    names = {Path(name).name: round(float(share), 3) for (name, _, _), share in zip(split, shares, strict=True)}
    checkpoint.save_weights(out, last.net, last.settings, metadata=last.metadata | {"averaged": names})


if __name__ == "__main__":
    main()
