"""How large each reading of the distillation loss is, compared with the loss of the image.

For a network and its teacher: the value of each reading, and the norm of its gradient on the encoder (its convolutions
and GIFT's there) relative to that of the image's loss. A term whose share is a ten-thousandth cannot be what helps.

What is read in section 3.2 of the paper: ``R = softmax(−γ‖f − F[i]‖²)`` over all pixels, ``L_dis = ‖R' − R̂‖²``, their
sum over the encoder's maps times λ = 0.001, next to ``L_har = ‖Ĩ − Î‖₁``. A sum over pixels makes L_dis smaller the
larger the picture, since the softmax shares 1 among all pixels; no reading below changes that but those without it.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.table3 import trial
from benchmarks.table3.study import Study
from harmonize.data.batches import Batch
from harmonize.models import giftnet
from harmonize.models.layers import resize_mask
from harmonize.models.normalization import STD, normalize
from harmonize.models.unet import UNet
from harmonize.table3 import TABLE_3
from harmonize.training import losses, reconstruction
from harmonize.weights import checkpoint

Measure = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Loss of one map: student (B, C, h, w), teacher (B, C, h, w), mask (B, 1, h, w) → one number, λ left out."""

WEIGHT, GAMMA = TABLE_3[8][1].weight, TABLE_3[8][1].gamma

BATCHES, BATCH = 4, 8


def _relation(norm: Callable[[Tensor], Tensor], gamma: float = GAMMA, *, by_channel: bool = False) -> Measure:
    """Return a loss of R' − R̂, (B, h·w), averaged over the batch."""

    def measure(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
        factor = gamma / student.shape[1] if by_channel else gamma
        difference = losses.relation(student, mask, factor) - losses.relation(teacher, mask, factor)
        return norm(difference).mean()

    return measure


def _similarity(kernel: Callable[[Tensor], Tensor]) -> Measure:
    """Return the mean squared difference of similarities that no softmax shares among the pixels."""

    def measure(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
        ours, theirs = (kernel(GAMMA * losses.distance(maps, mask)) for maps in (student, teacher))
        return (ours - theirs).square().mean()

    return measure


def _sum_of_squares(difference: Tensor) -> Tensor:
    return difference.square().sum(1)


DISTILLATIONS: Mapping[str, Measure] = {
    f"as read: squares summed over pixels, γ = {GAMMA:g}": _relation(_sum_of_squares),
    "the background's pixels alone": lambda s, t, m: losses.relation_loss(s, t, m, GAMMA, "background"),
    "mean over pixels": _relation(lambda d: d.square().mean(1)),
    "sum of absolute differences": _relation(lambda d: d.abs().sum(1)),
    "norm, not squared": _relation(lambda d: d.norm(dim=1)),
    "γ over the number of channels": _relation(_sum_of_squares, by_channel=True),
    "γ = 0.001": _relation(_sum_of_squares, 0.001),
    "γ = 0.1": _relation(_sum_of_squares, 0.1),
    "γ = 1": _relation(_sum_of_squares, 1.0),
    "similarity relative to an even one, mean": _relation(lambda d: (d * d.shape[1]).square().mean(1)),
    "exp(−γ‖·‖²) without the sum below, mean": _similarity(lambda d: torch.exp(-d)),
    "−γ‖·‖² itself, mean": _similarity(lambda d: d),
    "features (row 10), mean": lambda s, t, _m: losses.feature_loss(s, t),
}
"""Readings of L_dis, and what else might have been meant."""

IMAGES: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "L1, mean, normalized units (as read)": lambda o, r, _m: losses.l1(o, r),
    "L1, mean, in [0, 1]": lambda o, r, _m: ((o - r).abs() * _deviation(o)).mean(),
    "L1, mean, in [0, 255]": lambda o, r, _m: 255 * ((o - r).abs() * _deviation(o)).mean(),
    "L1, summed over pixels and channels": lambda o, r, _m: (o - r).abs().sum((1, 2, 3)).mean(),
    "squares over the foreground (iSSAM)": losses.foreground_mse,
}
"""Readings of L_har: they set the scale that λ is relative to."""


@dataclass(frozen=True)
class Term:
    """One loss as a network has it.

    Attributes
    ----------
    name
        Which.
    value
        Mean over the batches, λ left out.
    share
        Norm of its gradient on the encoder over that of the image's loss as read, λ left out.
    cosine
        Of the angle between the two gradients.
    """

    name: str
    value: float
    share: float
    cosine: float


def diagnose(network: UNet, teacher: UNet, batches: Sequence[Batch]) -> tuple[list[Term], list[Term]]:
    """Measure every reading of the image's loss and of distillation.

    Parameters
    ----------
    network
        The harmonization branch; a copy in training mode is measured, so that it stays as it is.
    teacher
        The frozen reconstruction branch.
    batches
        Pairs on the networks' device.

    Returns
    -------
    images, distillations
        Means over the batches, in the order of `IMAGES` and `DISTILLATIONS`.
    """
    network = copy.deepcopy(network).train().requires_grad_(True)
    found = [dict(_measure(network, teacher, batch)) for batch in batches]
    terms = {
        name: Term(name, *(statistics.fmean(part[name][k] for part in found) for k in range(3))) for name in found[0]
    }
    return [terms[name] for name in IMAGES], [terms[name] for name in DISTILLATIONS]


def _measure(network: UNet, teacher: UNet, batch: Batch) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Give value, share and cosine of each term on one batch, by its name."""
    target = normalize(batch.real)
    output = network.forward_features(normalize(batch.composite), batch.mask)
    references = reconstruction.reference(teacher, target, batch.mask, ("E",))
    parameters = encoder_parameters(network)
    values = {name: loss(output.image, target, batch.mask) for name, loss in IMAGES.items()}
    masks = [resize_mask(output.mask, (maps.shape[-2], maps.shape[-1])) for maps in output.encoder]
    for name, measure in DISTILLATIONS.items():
        parts = zip(output.encoder, references, masks, strict=True)
        values[name] = torch.stack([measure(*part) for part in parts]).sum()
    base: Tensor | None = None
    for name, value in values.items():
        gradient = _gradient(value, parameters)
        base = gradient if base is None else base  # the first is the image's loss as read
        scale = float(base.norm())
        cosine = float(torch.dot(gradient, base) / (gradient.norm() * scale).clamp_min(1e-30))
        yield name, (float(value.detach()), float(gradient.norm()) / scale, cosine)


def encoder_parameters(network: UNet) -> list[Tensor]:
    """Return the weights that shape the encoder's maps before the guide: convolutions, norms, and GIFT's at E."""
    inside = ("encoder.", "gift.convs.E")
    return [parameter for name, parameter in network.named_parameters() if name.startswith(inside)]


def _gradient(value: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """Return the gradient as one vector in double precision: the smallest terms have squares below float32's."""
    parts = torch.autograd.grad(value, parameters, retain_graph=True, materialize_grads=True)
    return torch.cat([part.double().flatten() for part in parts])


def _deviation(images: Tensor) -> Tensor:
    return images.new_tensor(STD)[:, None, None]


def report(study: Study, names: Sequence[str]) -> str:
    """Measure a fresh network and runs of a study that have begun, as Markdown.

    Raises
    ------
    WeightsError
        The reconstruction branch, or a run, has no weights yet.
    """
    teacher = checkpoint.load(study.teacher).net
    assert isinstance(teacher, UNet)
    source = next(iter(trial.open_pairs(study.places).values()))
    step = max(len(source) // (BATCHES * BATCH), 1)
    indices = list(range(0, len(source), step))[: BATCHES * BATCH]
    side = study.budget.scored_at
    batches = [source.batch(0, indices[at : at + BATCH], side) for at in range(0, len(indices), BATCH)]
    torch.manual_seed(0)
    settings = study.settings(None).network
    networks = {"at the start": giftnet.build(settings)}  # type: ignore[arg-type]  # rows are no PIH
    for name in names:
        loaded = checkpoint.load(study.folder(name) / "last.safetensors")
        networks[f"{name}, step {loaded.metadata['step']:,}"] = loaded.net  # type: ignore[assignment]
    teacher = reconstruction.freeze(teacher)
    return "\n\n".join(to_tables(title, *diagnose(net, teacher, batches)) for title, net in networks.items())


def to_tables(title: str, images: Sequence[Term], distillations: Sequence[Term]) -> str:
    """Write the terms of one network as two Markdown tables."""
    lines = [f"**{title}**", "", "| loss of the image | value | gradient on the encoder, relative |", "|---|--:|--:|"]
    lines += [f"| {term.name} | {term.value:.3g} | {term.share:.3g} |" for term in images]
    lines += [
        "",
        f"| distillation over E | value | with λ = {WEIGHT:g} | gradient, relative, with λ | cosine | λ for a tenth |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for term in distillations:
        tenth = f"{0.1 / term.share:.2g}" if term.share else "none"
        numbers = (term.value, WEIGHT * term.value, WEIGHT * term.share)
        lines.append(f"| {term.name} | {' | '.join(f'{n:.2g}' for n in numbers)} | {term.cosine:+.2f} | {tenth} |")
    return "\n".join(lines)
