"""Evaluation and application on real composites: RainNet's examples and four color transfers of one HCOCO photo."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.images import pixels
from harmonize.evaluation import evaluate, methods, protocols
from harmonize.evaluation.scoring import Rules
from harmonize.inference.image import harmonize_image, shrink

TRANSFERS = ("gct", "gctrgb", "hgm", "idt")


@pytest.fixture(scope="module")
def root(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The triplets as iHarmony4's root: links, and one list for both sets."""
    triplets, root = shared_data / "fixtures" / "triplets", tmp_path_factory.mktemp("root")
    coco = triplets / "HCOCO_c35030_c172513"
    links = {
        "HCOCO/real_images/c35030.jpg": coco / "c35030.jpg",
        "HCOCO/masks/c35030_1.jpg": coco / "c35030_434421.jpg",
    }
    for number, name in enumerate(TRANSFERS, start=1):
        links[f"HCOCO/composite_images/c35030_1_{number}.jpg"] = coco / f"c35030_{name}.jpg"
    for number in (1, 2, 3):
        links[f"RainNet/composite_images/r{number}_1_1.png"] = triplets / "RainNet" / f"{number}.png"
        links[f"RainNet/masks/r{number}_1.png"] = triplets / "RainNet" / f"{number}-mask.png"
        links[f"RainNet/real_images/r{number}.png"] = triplets / "RainNet" / f"{number}-gt.png"
    for place, source in links.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).symlink_to(source.resolve())
    composites = [place for place in links if "composite_images" in place]
    (root / "IHD_test.txt").write_text("\n".join(composites))
    return root


def test_composites_score_what_other_libraries_say(root):
    """The row of the composite under `standard` at full size, by OpenCV, numpy and scikit-image."""
    method = methods.open_predictions(root / "HCOCO" / "composite_images")
    result = evaluate.evaluate([root], method, Rules(protocols.find("standard"), full=True))
    assert (len(result["skipped"]), result["overall"]["composite"]["n"]) == (3, 4)  # RainNet's have no prediction
    rows = []
    for pair in find_pairs(root, "test")[0]:
        if pair.set == "HCOCO":
            composite, real = (cv2.imread(str(path))[..., ::-1] for path in (pair.composite, pair.real))
            inside = cv2.imread(str(pair.mask), cv2.IMREAD_GRAYSCALE) > 127
            mse, fmse = (
                ((composite.astype(float) - real) ** 2).mean(),
                ((composite.astype(float) - real) ** 2)[inside].mean(),
            )
            settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
            ssim, full = structural_similarity(real, composite, channel_axis=2, full=True, **settings)
            rows.append((mse, fmse, cv2.PSNR(real, composite), ssim, full[inside].mean()))
    found = result["overall"]["composite"]
    names = ("mse", "fmse", "psnr", "ssim", "fssim")
    assert [found[name] for name in names] == pytest.approx(np.mean(rows, axis=0), rel=1e-4)


def test_the_real_photo_as_prediction_is_perfect(root, tmp_path):
    for pair in find_pairs(root, "test")[0]:
        (tmp_path / f"{Path(pair.name).stem}{pair.real.suffix}").symlink_to(pair.real.resolve())
    for name in ("issam", "dovenet"):
        result = evaluate.evaluate([root], methods.open_predictions(tmp_path), Rules(protocols.find(name)))
        assert (result["overall"]["harmonized"]["mse"], result["overall"]["harmonized"]["n"]) == (0, 7)


def test_the_hcoco_foreground_is_in_the_bin_of_its_share(root):
    method = methods.open_predictions(root / "HCOCO" / "composite_images")
    bins = evaluate.evaluate([root], method, Rules(protocols.find("issam")))["bins"]
    assert {name: pair["composite"]["n"] for name, pair in bins.items()} == {"0-5": 0, "5-15": 4, "15-100": 0}


def test_an_exact_answer_at_256_is_carried_to_the_photo(root):
    """The network is told the answer at 256; at full size most of the composite's error must be gone, detail kept."""

    class Oracle(torch.nn.Module):
        def __init__(self, real: np.ndarray) -> None:
            super().__init__()
            self.answer = torch.from_numpy(shrink(real, 256)).permute(2, 0, 1)[None] / 255

        def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
            mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 1, 3, 1, 1)
            return (self.answer - mean) / std

    pairs = [pair for pair in find_pairs(root, "test")[0] if pair.set == "HCOCO"]
    assert len(pairs) == 4
    for pair in pairs:
        real, composite = pixels.read_image(pair.real), pixels.read_image(pair.composite)
        mask = pixels.read_mask(pair.mask)
        result = harmonize_image(composite, mask, Oracle(real))
        error = error_of(result, real, mask)
        assert error < 0.25 * error_of(composite, real, mask)
        # Not less: the composites are JPEGs of a third of the photo's size and have lost detail themselves.
        assert error < 0.8 * error_of(cv2.resize(shrink(real, 256), real.shape[1::-1]), real, mask)


def error_of(picture: np.ndarray, real: np.ndarray, mask: np.ndarray) -> float:
    return float(((picture.astype(float) - real) ** 2)[mask > 0.5].mean())
