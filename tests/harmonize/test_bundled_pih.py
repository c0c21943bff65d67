"""The bundled weights of PIH: what they make of three drawn pictures is fixed; damaged ones are refused."""

import shutil

import numpy as np
import pytest

from ccharmony.errors import WeightsError
from harmonize import apply, checkpoint, metrics, parametric

BUNDLED = checkpoint.WEIGHTS / "pih.safetensors"
pytestmark = pytest.mark.skipif(not BUNDLED.is_file(), reason="pih.safetensors is not bundled with this checkout")


def pair(tiny, seed):
    real, mask = tiny.draw_photo(seed, 96, 128), tiny.draw_mask(seed, 96, 128)
    changed = np.rint(real * np.array([1.0, 0.8, 0.6])).astype(np.uint8)
    return np.where(mask[..., None], changed, real), mask, real


@pytest.mark.parametrize(("seed", "error"), [(0, 369.0), (1, 63.0), (2, 104.0)])
def test_the_bundled_weights_give_the_scores_they_gave(tiny, seed, error):
    composite, mask, real = pair(tiny, seed)
    net = parametric.load("pih", "cpu")
    found = apply.harmonize_image(composite, mask, net).astype(np.float64)
    weights = mask.astype(np.float64)
    assert metrics.fmse(found, real.astype(np.float64), weights) == pytest.approx(error, rel=0.02)
    assert (found[~mask] == composite[~mask]).all()


def test_weights_that_are_altered_or_cut_off_are_refused(tmp_path, monkeypatch):
    for name in ("pih.safetensors", "SHA256SUMS"):
        shutil.copy(checkpoint.WEIGHTS / name, tmp_path / name)
    monkeypatch.setattr(checkpoint, "WEIGHTS", tmp_path)
    path = tmp_path / "pih.safetensors"
    whole = path.read_bytes()
    assert checkpoint.load("pih").settings.model == "pih"
    for damaged in (whole[:-7], whole[:-1] + bytes([whole[-1] ^ 1])):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match="altered or cut off"):
            checkpoint.load("pih")


def test_the_weights_say_how_good_they_are_and_what_they_may_be_used_for():
    settings, metadata = checkpoint.read_notes(BUNDLED)
    assert settings.form == "light"
    assert metadata["val_fmse"] < 0.4 * metadata["val_composite_fmse"]
    assert "research use" in metadata["licence"]
    assert "Research use only" in BUNDLED.with_suffix(".md").read_text(encoding="utf-8")
