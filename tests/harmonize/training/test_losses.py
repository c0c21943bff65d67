import math

import pytest
import torch
from torch.nn import functional as F

from harmonize.training import losses
from harmonize.training.settings import DistillSettings


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def soft_mask(batch=2, height=4, width=5):
    return torch.rand(batch, 1, height, width, dtype=torch.float64)


def maps(batch=2, channels=3, height=4, width=5):
    return torch.randn(batch, channels, height, width, dtype=torch.float64)


def restate_relation(features, mask, gamma):
    """Equation 3 with Python floats, pixel by pixel, for one picture: features (C, h, w), mask (1, h, w)."""
    pixels, weights = features.flatten(1).T.tolist(), mask.flatten().tolist()  # h·w lists of C numbers; h·w numbers
    mean = [
        math.fsum(weight * pixel[c] for pixel, weight in zip(pixels, weights, strict=True)) / math.fsum(weights)
        for c in range(features.shape[0])
    ]
    similar = [math.exp(-gamma * math.dist(mean, pixel) ** 2) for pixel in pixels]
    return [value / math.fsum(similar) for value in similar]


def restate_relation_loss(student, teacher, mask, gamma):
    """‖R' − R̂‖² summed over pixels, averaged over pictures."""
    sums = []
    for ours, theirs, m in zip(student, teacher, mask, strict=True):
        pairs = zip(restate_relation(ours, m, gamma), restate_relation(theirs, m, gamma), strict=True)
        sums.append(math.fsum((a - b) ** 2 for a, b in pairs))
    return math.fsum(sums) / len(sums)


def test_l1_is_the_mean_absolute_difference():
    output = torch.tensor([[[[1.0, -2.0]], [[0.5, 0.0]], [[0.0, 3.0]]]])
    target = torch.tensor([[[[0.0, 0.0]], [[0.5, 1.0]], [[0.0, 1.0]]]])
    assert losses.l1(output, target).item() == pytest.approx((1 + 2 + 0 + 1 + 0 + 2) / 6)


def test_foreground_mse_divides_by_three_times_the_foreground():
    output, mask = torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    output[0, :, 0, 0], output[0, 0, 3, 3] = 2.0, 1.0  # 3 · 4 inside, 1 outside: the background counts too
    mask[0, 0, 0, :] = 1.0
    assert losses.foreground_mse(output, torch.zeros_like(output), mask).item() == pytest.approx(13 / (3 * 4))


def test_foreground_mse_is_of_the_difference():
    output, target, mask = torch.full((1, 3, 2, 2), 5.0), torch.full((1, 3, 2, 2), 3.0), torch.ones(1, 1, 2, 2)
    assert losses.foreground_mse(output, target, mask).item() == pytest.approx(4.0)


def test_small_foregrounds_count_as_a_thousand_pixels_of_256_squared():
    output, mask = torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 256, 256)
    output[0, 0, 0, 0], mask[0, 0, :1, :84] = 6.0, 1.0  # iHarmony4's smallest foreground
    assert losses.foreground_mse(output, torch.zeros_like(output), mask).item() == pytest.approx(36 / 3000)


def test_the_smallest_foreground_scales_with_the_picture():
    output, mask = torch.ones(1, 3, 96, 96), torch.zeros(1, 1, 96, 96)
    expected = 3 * 96 * 96 / (3 * 140.625)  # 1000 · (96 / 256)²
    assert losses.foreground_mse(output, torch.zeros_like(output), mask).item() == pytest.approx(expected)


def test_foreground_mse_is_the_mean_over_pictures():
    output, target = torch.randn(3, 3, 8, 8), torch.randn(3, 3, 8, 8)
    mask = torch.zeros(3, 1, 8, 8)
    mask[0], mask[1, ..., :2] = 1, 0.5
    single = [losses.foreground_mse(output[i : i + 1], target[i : i + 1], mask[i : i + 1]) for i in range(3)]
    assert losses.foreground_mse(output, target, mask).item() == pytest.approx(sum(x.item() for x in single) / 3)


@pytest.mark.parametrize("gamma", [0.01, 1.0])
def test_relation_is_equation_three(gamma):
    features, mask = maps(), soft_mask()
    for ours, picture, m in zip(losses.relation(features, mask, gamma), features, mask, strict=True):
        assert ours.tolist() == pytest.approx(restate_relation(picture, m, gamma), rel=1e-12)


def test_pixels_like_the_foreground_have_a_higher_relation():
    features = torch.tensor([[[[0.0, 0.1, 3.0]]]])
    near, like, far = losses.relation(features, torch.tensor([[[[1.0, 0.0, 0.0]]]]), 1.0)[0].tolist()
    total = 1 + math.exp(-0.01) + math.exp(-9)
    assert (near, like, far) == pytest.approx((1 / total, math.exp(-0.01) / total, math.exp(-9) / total))


@pytest.mark.parametrize("gamma", [0.01, 0.5])
def test_relation_loss_is_the_paper_s(gamma):
    student, teacher, mask = maps(), maps(), soft_mask()
    expected = restate_relation_loss(student, teacher, mask, gamma)
    assert losses.relation_loss(student, teacher, mask, gamma).item() == pytest.approx(expected, rel=1e-12)


def test_relation_loss_of_the_background_leaves_out_the_foreground():
    student, teacher = torch.tensor([[[[0.0, 1.0, 3.0]]]]), torch.tensor([[[[0.0, 2.0, 1.0]]]])
    mask = torch.tensor([[[[1.0, 0.0, 0.5]]]])  # the means are 1 and 1/3
    ours, theirs = (restate_relation(x[0], mask[0], 1.0) for x in (student, teacher))
    a, b, c = ((x - y) ** 2 for x, y in zip(ours, theirs, strict=True))
    assert losses.relation_loss(student, teacher, mask, 1.0).item() == pytest.approx(a + b + c)
    assert losses.relation_loss(student, teacher, mask, 1.0, "background").item() == pytest.approx(b + 0.5 * c)


def test_the_region_of_the_settings_reaches_the_loss():
    student, teacher, mask = [maps()], [maps()], soft_mask()
    whole, part = (
        losses.distillation(student, teacher, mask, DistillSettings(gamma=1.0, region=region))
        for region in ("all", "background")
    )
    assert 0 < part.item() < whole.item()


def test_relation_loss_of_equal_maps_is_zero():
    student, mask = maps(), soft_mask()
    assert losses.relation_loss(student, student.clone(), mask, 0.01).item() == 0.0


def test_a_picture_without_foreground_adds_nothing_and_no_gradient():
    student, teacher, mask = maps().requires_grad_(), maps(), soft_mask()
    mask[0] = 0
    loss = losses.relation_loss(student, teacher, mask, 0.5)
    loss.backward()
    expected = restate_relation_loss(student.detach()[1:], teacher[1:], mask[1:], 0.5) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    assert not student.grad[0].any()
    assert student.grad[1].any()


def test_a_full_mask_gives_a_finite_loss():
    loss = losses.relation_loss(maps(), maps(), torch.ones(2, 1, 4, 5, dtype=torch.float64), 0.01)
    assert torch.isfinite(loss)
    assert loss > 0


def test_huge_features_do_not_overflow():
    student, teacher = (1e4 * maps().float()).requires_grad_(), 1e4 * maps().float()
    loss = losses.relation_loss(student, teacher, soft_mask().float(), 0.01)
    loss.backward()
    assert 0 <= loss.item() <= 2
    assert torch.isfinite(student.grad).all()


def test_feature_loss_is_the_mean_squared_difference():
    student, teacher = torch.tensor([[[[1.0, 2.0]], [[0.0, 0.0]]]]), torch.tensor([[[[0.0, 0.0]], [[3.0, 0.0]]]])
    assert losses.feature_loss(student, teacher).item() == pytest.approx((1 + 4 + 9) / 4)


@pytest.mark.parametrize("kind", ["relation", "feature"])
def test_no_gradient_reaches_the_teacher(kind):
    student, teacher = maps().requires_grad_(), maps().requires_grad_()
    settings = DistillSettings(kind=kind, gamma=0.5)
    losses.distillation([student], [teacher], soft_mask(), settings).backward()
    assert student.grad.any()
    assert teacher.grad is None


def test_distillation_is_lambda_times_the_sum_over_maps_with_masks_by_area():
    mask = soft_mask(height=8, width=8)
    students = [maps(height=8, width=8), maps(channels=6, height=4, width=4)]
    teachers = [maps(height=8, width=8), maps(channels=6, height=4, width=4)]
    settings = DistillSettings(gamma=0.3, weight=0.2)
    expected = 0.2 * sum(
        restate_relation_loss(student, teacher, m, 0.3)
        for student, teacher, m in zip(students, teachers, [mask, F.avg_pool2d(mask, 2)], strict=True)
    )
    assert losses.distillation(students, teachers, mask, settings).item() == pytest.approx(expected, rel=1e-10)


def test_feature_distillation_is_lambda_times_the_sum_over_maps():
    students, teachers = [maps(), maps(channels=6)], [maps(), maps(channels=6)]
    settings = DistillSettings(kind="feature", weight=0.5)
    expected = 0.5 * sum(((a - b) ** 2).mean().item() for a, b in zip(students, teachers, strict=True))
    assert losses.distillation(students, teachers, soft_mask(), settings).item() == pytest.approx(expected)


def test_without_distillation_the_term_is_zero():
    settings = DistillSettings(kind="none", sites=())
    assert losses.distillation([], [], soft_mask(), settings).item() == 0.0


@pytest.mark.parametrize("name", ["l1", "foreground_mse", "relation_loss", "feature_loss"])
def test_gradients_are_those_of_finite_differences(name):
    student, teacher, mask = maps(height=3, width=3), maps(height=3, width=3), soft_mask(height=3, width=3)
    mask[1] = 0
    arguments = {
        "l1": lambda x: losses.l1(x, teacher),
        "foreground_mse": lambda x: losses.foreground_mse(x, teacher, mask),
        "relation_loss": lambda x: losses.relation_loss(x, teacher, mask, 0.7),
        "feature_loss": lambda x: losses.feature_loss(x, teacher),
    }
    assert torch.autograd.gradcheck(arguments[name], student.requires_grad_())


def test_every_map_of_the_student_needs_one_of_the_teacher():
    settings = DistillSettings(gamma=0.3)
    with pytest.raises(ValueError, match="shorter than argument"):
        losses.distillation([maps(), maps()], [maps()], soft_mask(), settings)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_distances_under_autocast_are_those_of_single_precision(dtype):
    features, mask = maps(1, 8, 16, 16), soft_mask(1, 16, 16)
    mean = (features * mask).sum((2, 3), keepdim=True) / mask.sum()
    expected = (features - mean).square().sum(1).flatten(1)
    with torch.autocast("cpu", dtype=dtype):
        found = losses.distance(features.float(), mask.float())
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_does_not_change_the_losses(dtype):
    student, teacher = maps(2, 8, 16, 16).to(dtype), maps(2, 8, 16, 16).to(dtype)
    mask = soft_mask(height=16, width=16).float()

    def total():
        distilled = losses.distillation([student], [teacher], mask, DistillSettings(gamma=0.1, weight=1.0))
        return distilled + losses.l1(student, teacher) + losses.foreground_mse(student, teacher, mask)

    expected = total()
    with torch.autocast("cpu", dtype=dtype):
        assert torch.equal(total(), expected)
    assert expected.dtype == torch.float32
