"""Sources read by PyTorch's DataLoader."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import harmonize
from ccharmony import find_pairs, write_image
from ccharmony.images import pixels


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Five pairs: real picture k is k0 levels bright, the composite's left half 20 levels brighter."""
    for folder in ("composite_images", "masks", "real_images"):
        (tmp_path / folder).mkdir()
    mask = np.zeros((40, 48), np.float32)
    mask[:, :24] = 1
    for number in range(1, 6):
        real = np.full((40, 48, 3), 10 * number, np.uint8)
        composite = real.copy()
        composite[:, :24] += 20
        write_image(tmp_path / "real_images" / f"p{number}.png", real)
        write_image(tmp_path / "composite_images" / f"p{number}_a_1.png", composite)
        pixels.write_mask(tmp_path / "masks" / f"p{number}_a.png", mask)
    names = "".join(f"p{number}_a_1.png\n" for number in range(1, 6))
    (tmp_path / "own_train.txt").write_text(names)
    return tmp_path


@pytest.mark.parametrize("workers", [0, 2])
def test_stored_pairs_are_read_by_a_data_loader(dataset: Path, workers: int) -> None:
    pairs = harmonize.StoredPairs(find_pairs(dataset, "train")[0])
    pairs.size = 32
    pairs.batch(0, [0, 1], 32)  # threads of this process are started before the workers are forked
    loader = DataLoader(pairs, batch_size=2, num_workers=workers)
    batches = list(loader)
    assert [list(batch["name"]) for batch in batches] == [
        [f"{dataset.name}/p1_a_1.png", f"{dataset.name}/p2_a_1.png"],
        [f"{dataset.name}/p3_a_1.png", f"{dataset.name}/p4_a_1.png"],
        [f"{dataset.name}/p5_a_1.png"],
    ]
    first = batches[0]
    assert first["composite"].shape == (2, 3, 32, 32)
    assert first["mask"].shape == (2, 1, 32, 32)
    assert float(first["real"][1].mean()) == pytest.approx(20 / 255)
    assert float(first["composite"][1, :, :, :12].mean()) == pytest.approx(40 / 255)


def test_samples_end_where_the_set_ends(dataset: Path) -> None:
    pairs = harmonize.StoredPairs(find_pairs(dataset, "train")[0])
    assert pairs[-1]["name"].endswith("p5_a_1.png")
    with pytest.raises(IndexError, match="sample 5 of 5"):
        pairs[5]


def test_another_epoch_has_other_crops(dataset: Path) -> None:
    pairs = harmonize.StoredPairs(find_pairs(dataset, "train")[0], seed=0)
    pairs.size = 32
    masks = []
    for epoch in range(4):
        pairs.set_epoch(epoch)
        masks.append(pairs[0]["mask"])
        assert torch.equal(masks[-1], pairs[0]["mask"])
    assert len({mask.numpy().tobytes() for mask in masks}) > 1
