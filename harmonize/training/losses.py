"""What training minimizes.

-   :func:`l1`: the GiftNet paper's loss of the image.
-   :func:`foreground_mse`: iSSAM's, a squared error over the area of the foreground, so that small ones count as much.
-   :func:`distillation`: λ times the sum over all chosen maps of :func:`relation_loss` or :func:`feature_loss`.
-   :func:`relation`: how like the mean foreground each pixel of a map is (equation 3), from its :func:`distance`.

All are computed in float32 whatever the autocast, and give one number, the mean over the batch.

References
----------
-   Niu et al.: Deep Image Harmonization with Globally Guided Feature Transformation and Relation Distillation,
    ICCV 2023, section 3.2.
-   Sofiiuk, Popenova, Konushin: Foreground-aware semantic representations for image harmonization, WACV 2021.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from harmonize.models.layers import at_least_float32, resize_mask
from harmonize.training.settings import DistillSettings, Region

MIN_SHARE = 1000 / 256**2
"""Smallest foreground that iSSAM's loss divides by: 1,000 pixels of 256×256, here a share, so that it fits any size."""


def l1(output: Tensor, target: Tensor) -> Tensor:
    """‖Ĩ − Î‖₁ as a mean over pixels and channels, in the networks' normalized units.

    Parameters
    ----------
    output, target
        Harmonized and real picture, normalized, shape (B, 3, H, W).

    Returns
    -------
    Tensor
        One number, at least 0.
    """
    return (at_least_float32(output) - at_least_float32(target)).abs().mean()


def foreground_mse(output: Tensor, target: Tensor, mask: Tensor, min_share: float = MIN_SHARE) -> Tensor:
    """Squared error of the whole picture over 3·max(foreground pixels, `min_share` of the picture).

    Parameters
    ----------
    output, target
        Harmonized and real picture, normalized, shape (B, 3, H, W).
    mask
        Foreground, shape (B, 1, H, W), in [0, 1].
    min_share
        Share of the picture below which a foreground counts as this large: the loss stays finite.

    Returns
    -------
    Tensor
        One number, at least 0: the mean over the batch.
    """
    height, width = target.shape[-2:]
    error = (at_least_float32(output) - at_least_float32(target)).square().sum((1, 2, 3))  # (B,)
    area = at_least_float32(mask).sum((1, 2, 3)).clamp_min(min_share * height * width)  # (B,)
    return (error / (target.shape[1] * area)).mean()


def relation(features: Tensor, mask: Tensor, gamma: float) -> Tensor:
    """R[i] = softmax over all pixels of −γ‖f − F[i]‖², f the mean feature of the foreground (equation 3).

    Parameters
    ----------
    features, mask
        As in :func:`distance`.
    gamma
        γ, at least 0.

    Returns
    -------
    Tensor
        Shape (B, h·w), float32 (or wider), each row sums to 1. Meaningless, but finite, where the mask is empty.
    """
    return torch.softmax(-gamma * distance(features, mask), dim=1)


def distance(features: Tensor, mask: Tensor) -> Tensor:
    """‖f − F[i]‖² of every pixel from the mean feature f of the foreground, summed over channels.

    Parameters
    ----------
    features
        Map F, shape (B, C, h, w).
    mask
        Foreground at the map's resolution, shape (B, 1, h, w), in [0, 1]: the weights of the mean.

    Returns
    -------
    Tensor
        Shape (B, h·w), float32 (or wider).
    """
    maps = at_least_float32(features).flatten(2)  # (B, C, h·w)
    weights = at_least_float32(mask).flatten(2)  # (B, 1, h·w)
    area = weights.sum(2, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)  # (B, 1, 1)
    with torch.autocast(maps.device.type, enabled=False):  # autocast would take the product to half precision
        mean = maps @ weights.transpose(1, 2) / area  # (B, C, 1)
    return (mean - maps).square().sum(1)  # (B, h·w)


def relation_loss(student: Tensor, teacher: Tensor, mask: Tensor, gamma: float, region: Region = "all") -> Tensor:
    """‖R' − R̂‖², summed over pixels, averaged over the batch; a picture without foreground counts as zero.

    Parameters
    ----------
    student, teacher
        Maps F' of the harmonization and F̂ of the reconstruction branch, shape (B, C, h, w). No gradient reaches F̂.
    mask
        Foreground at the maps' resolution, shape (B, 1, h, w), in [0, 1].
    gamma
        γ of equation 3.
    region
        ``all`` sums over every pixel, ``background`` weights each by its share of background.

    Returns
    -------
    Tensor
        One number, in [0, 2].
    """
    difference = relation(student, mask, gamma) - relation(teacher.detach(), mask, gamma)  # (B, h·w)
    square = difference.square()
    if region == "background":
        square = square * (1 - mask.flatten(1)).to(square.dtype)
    present = (mask.flatten(1).amax(1) > 0).to(difference.dtype)  # (B,)
    return (square.sum(1) * present).mean()


def feature_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """‖F' − F̂‖² as a mean over pixels, channels and batch (Table 3 row 10).

    The paper gives no formula; a mean makes the four maps, of 2 million to 0.26 million numbers, count alike.

    Parameters
    ----------
    student, teacher
        Maps of equal shape (B, C, h, w). No gradient reaches `teacher`.

    Returns
    -------
    Tensor
        One number, at least 0.
    """
    return (at_least_float32(student) - at_least_float32(teacher.detach())).square().mean()


def distillation(
    students: Sequence[Tensor], teachers: Sequence[Tensor], mask: Tensor, settings: DistillSettings
) -> Tensor:
    """λ Σ_l L_dis over all maps (second term of equation 4); zero for kind ``none``.

    Parameters
    ----------
    students
        ``features.maps(settings.sites)`` of the harmonization network.
    teachers
        :func:`harmonize.training.reconstruction.reference` for the same sites.
    mask
        ``features.mask``, shape (B, 1, H, W), in [0, 1]; brought to each map by area.
    settings
        Kind, γ and λ.

    Returns
    -------
    Tensor
        One number, λ included.
    """
    if settings.kind == "none":
        return mask.new_zeros(())
    losses = []
    for student, teacher in zip(students, teachers, strict=True):
        if settings.kind == "feature":
            losses.append(feature_loss(student, teacher))
        else:
            height, width = student.shape[-2:]
            small = resize_mask(mask, (height, width))
            losses.append(relation_loss(student, teacher, small, settings.gamma, settings.region))
    return settings.weight * torch.stack(losses).sum()
