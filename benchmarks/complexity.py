"""How many parameters and how much arithmetic each network of the paper's Table 3 has.

-   :func:`count`: one network.
-   :func:`table`: all ten rows as Markdown, the table of docs/train.md; ``python -m benchmarks.complexity`` prints it.

A GFLOP is 10⁹ additions and multiplications of the convolutions and matrix products, two for each multiply-add (MAC),
as PyTorch's own counter has it. Pooling, norms, activations and the blending are not counted.
"""

import sys
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from harmonize.models import giftnet
from harmonize.models.settings import NetworkSettings
from harmonize.table3 import TABLE_3


class Complexity(NamedTuple):
    """Size and arithmetic of one network."""

    parameters: int
    """Numbers that training learns."""

    flops: int
    """Additions and multiplications for one picture."""


def count(settings: NetworkSettings, size: int = 256) -> Complexity:
    """Count one network for one picture of `size` × `size`, on shapes alone: nothing is computed.

    Examples
    --------
    >>> from harmonize.settings import ISSAM
    >>> count(ISSAM)
    Complexity(parameters=2185340, flops=29769212928)
    """
    with torch.device("meta"):
        net = giftnet.build(settings).eval().requires_grad_(False)
        image, mask = torch.empty(1, 3, size, size), torch.empty(1, 1, size, size)
    with FlopCounterMode(display=False) as counter:
        net(image, mask)
    return Complexity(sum(p.numel() for p in net.parameters()), counter.get_total_flops())


def table(size: int = 256) -> str:
    """Write the rows of Table 3 as a Markdown table.

    Distillation has no part in it: the reconstruction branch is gone after training, so rows 5, 8, 9 and 10 are the
    same network.
    """
    lines = [
        f"| Table 3 row | GIFT | guidance | distillation | parameters | GFLOP at {size}×{size} |",
        "|---|---|---|---|---|---|",
    ]
    for row, (network, distill) in TABLE_3.items():
        parameters, flops = count(network, size)
        sites, guidance = ", ".join(network.gift) or "none (iSSAM)", network.guidance if network.gift else ""
        taught = "none" if distill.kind == "none" else f"{distill.kind} on {', '.join(distill.sites)}"
        lines.append(f"| {row} | {sites} | {guidance} | {taught} | {parameters / 1e6:.2f} M | {flops / 1e9:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
