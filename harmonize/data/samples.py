"""A source of batches as PyTorch's map-style dataset: what `torch.utils.data.DataLoader` reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from torch import Tensor
from torch.utils.data import Dataset

from harmonize.data.batches import Batch


class Sample(TypedDict):
    """One pair.

    Attributes
    ----------
    composite, real
        Pictures (3, H, W), RGB, sRGB-encoded, in [0, 1], float32.
    mask
        Foreground (1, H, W), in [0, 1], float32.
    name
        Of the pair.
    """

    composite: Tensor
    mask: Tensor
    real: Tensor
    name: str


class Samples(Dataset[Sample]):
    """The part of a source that `DataLoader` needs; the training loop asks a source for whole batches instead.

    Attributes
    ----------
    size
        Side in pixels of the square pictures; 256 unless set.
    epoch
        Whose random choices (crop, flip, light) a sample has; set it before each epoch with `set_epoch`.
    """

    size = 256
    epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Make the random choices those of this epoch, as in `torch.utils.data.DistributedSampler`."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of samples in an epoch."""
        raise NotImplementedError

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        """Return the samples of these indices as they are in that epoch, size x size pixels."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> Sample:
        """Return one sample; a negative index counts from the end, one outside raises IndexError."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        one = self.batch(self.epoch, [index % len(self)], self.size)
        return Sample(composite=one.composite[0], mask=one.mask[0], real=one.real[0], name=one.names[0])
