"""The average of checkpoints."""

from pathlib import Path

import click.testing
import torch

from benchmarks import average
from harmonize.models import giftnet
from harmonize.models.settings import NetworkSettings
from harmonize.weights import checkpoint

SMALL = NetworkSettings(width=2, mlp_width=4)


def test_every_weight_is_the_mean_by_shares(tmp_path: Path) -> None:
    for number in (0, 1):
        torch.manual_seed(number)
        checkpoint.save_weights(
            tmp_path / f"{number}.safetensors", giftnet.build(SMALL), SMALL, metadata={"step": number}
        )
    words = [
        f"{tmp_path / '0.safetensors'}=1",
        f"{tmp_path / '1.safetensors'}=3",
        "--out",
        f"{tmp_path / 'm.safetensors'}",
    ]
    done = click.testing.CliRunner().invoke(average.main, words, catch_exceptions=False)
    assert done.exit_code == 0
    first, second, mean = (checkpoint.load(tmp_path / f"{name}.safetensors") for name in ("0", "1", "m"))
    assert mean.metadata["averaged"] == {"0.safetensors": 0.25, "1.safetensors": 0.75}
    assert mean.metadata["step"] == 1
    for name, values in mean.net.state_dict().items():
        if values.is_floating_point():
            wanted = first.net.state_dict()[name] / 4 + second.net.state_dict()[name] * 3 / 4
            torch.testing.assert_close(values, wanted, rtol=1e-6, atol=1e-7)
