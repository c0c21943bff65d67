from pathlib import Path
from typing import Any

import pytest
import torch

from harmonize.weights import torch_files


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (torch.ones(()).expand(10**9), "a tensor of 4000000000 bytes of which the file holds 4"),
        (torch.ones(8, dtype=torch.float64).as_strided((8, 8), (0, 1)), "a tensor of 512 bytes of which .* holds 64"),
        (torch.eye(3).to_sparse(), "a tensor of another kind .torch.sparse_coo, cpu., wanted plain ones"),
        (torch.empty(10**9, device="meta"), "a tensor of another kind .torch.strided, meta., wanted plain ones"),
    ],
)
def test_a_tensor_that_the_file_does_not_hold_is_refused(tmp_path: Path, tensor: torch.Tensor, reason: str) -> None:
    path = tmp_path / "state.pt"
    torch.save({"network": [{"weight": tensor}]}, path)
    with pytest.raises(ValueError, match=reason):
        torch_files.read(path)


def test_views_of_what_the_file_holds_and_lists_that_hold_themselves_are_read(tmp_path: Path) -> None:
    whole = torch.arange(12.0)
    held: list[Any] = [whole[3:5], whole.view(3, 4).T]
    held.append(held)
    torch.save(held, tmp_path / "state.pt")
    read = torch_files.read(tmp_path / "state.pt")
    assert read[0].tolist() == [3.0, 4.0]
    assert read[1].shape == (4, 3)
    assert read[2] is read
