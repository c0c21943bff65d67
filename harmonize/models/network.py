"""What training, evaluation and `harmonize apply` ask of a network.

-   :class:`Network`: base class; called as ``network(image, mask)``.
-   :class:`ParametricNetwork`: base class of one that predicts curves and a shading map, which hold at any size.
-   :class:`Features`, :class:`Parameters`: what they return.

These are base classes and not protocols: a network is an ``nn.Module`` as well, and Python's types cannot say both of
a protocol.
"""

from typing import NamedTuple

from torch import Tensor, nn


class Features(NamedTuple):
    """What a forward pass saw and made. Maps and mask have the padded size, a multiple of 32."""

    image: Tensor
    """Harmonized, normalized image, (B, 3, H, W), cropped back to the input's size."""

    mask: Tensor
    """The mask as the network saw it, (B, 1, H', W')."""

    encoder: tuple[Tensor, ...]
    """F'_e1..F'_e4, fine to coarse, after GIFT where the network has it: (B, width·2^l, H'/2^l, W'/2^l)."""

    decoder: tuple[Tensor, ...]
    """F'_d1..F'_d3, coarse to fine, likewise."""

    def maps(self, sites: tuple[str, ...]) -> tuple[Tensor, ...]:
        """List the maps of `sites` in order: ``E`` is all four of the encoder, ``D1`` to ``D3`` one of the decoder."""
        return tuple(m for site in sites for m in (self.encoder if site == "E" else (self.decoder[int(site[1]) - 1],)))


class Parameters(NamedTuple):
    """What harmonizes a foreground.

    Attributes
    ----------
    curves
        Heights of the knots, (B, 3, K), at ``curves.centers(K)``, sRGB-encoded, about [0, 1].
    log_gain
        Natural logarithm of the gain, (B, 1, h, w), over the whole picture; zeros where there is no shading.
    """

    curves: Tensor
    log_gain: Tensor


class Network(nn.Module):
    """A network that harmonizes: ``network(image, mask)`` returns the harmonized image.

    A subclass defines ``forward(image, mask)``. `image` is the composite, ImageNet-normalized, (B, 3, H, W); `mask` is
    the foreground, (B, 1, H, W), in [0, 1]; the result is the harmonized image, normalized, (B, 3, H, W), not clipped.
    Training pictures have sides that are multiples of 32; pictures of `harmonize apply --size full` have any.

    A network that distillation can train, or that can be a reconstruction teacher, also overrides
    :meth:`forward_features`, so that the maps are there.

    Attributes
    ----------
    bytes_a_pixel
        Memory that a call takes for each pixel, without gradients: `harmonize apply` refuses sizes that do not fit.
        None, not known, refuses none.
    """

    bytes_a_pixel: int | None = None

    def forward_features(self, image: Tensor, mask: Tensor) -> Features:
        """Harmonize, and return the maps that distillation compares; a plain network has none.

        Parameters
        ----------
        image, mask
            As of a call.

        Returns
        -------
        Features
            Image, mask and maps.
        """
        output: Tensor = self(image, mask)
        return Features(output, mask, (), ())

    def maps_of(self, image: Tensor, mask: Tensor, sites: tuple[str, ...]) -> tuple[Tensor, ...]:
        """Return the maps at `sites`, in the order of :meth:`Features.maps`; a subclass may skip what they do not need.

        Parameters
        ----------
        image, mask
            As of a call.
        sites
            Names of maps: ``E``, ``D1``, ``D2``, ``D3``.

        Returns
        -------
        tuple of Tensor
            Maps (B, C, h, w).
        """
        return self.forward_features(image, mask).maps(sites)


class ParametricNetwork(Network):
    """A network whose answer is curves and a shading map; `harmonize apply` renders them at the picture's own size.

    Attributes
    ----------
    side
        Side in pixels of the square that it sees, whatever the size of the picture.
    """

    side: int

    def parameters_of(self, image: Tensor, mask: Tensor) -> Parameters:
        """Predict curves and map.

        Parameters
        ----------
        image, mask
            As of a call.

        Returns
        -------
        curves, log_gain
            Knots (B, 3, K) and map (B, 1, h, w), as :class:`Parameters`.

        Raises
        ------
        NotImplementedError
            The subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define parameters_of")
