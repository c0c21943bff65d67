import numpy as np
import pytest

from benchmarks import page
from benchmarks.table3 import diagnosis, pictures, report, trial
from benchmarks.table3.plan import Trial
from ccharmony.images import pixels
from harmonize.data.batches import Batch
from harmonize.data.held_out_pairs import HeldPairs
from harmonize.data.lights import hold_out, read_lights
from harmonize.data.photos import find_photos
from harmonize.models import giftnet
from harmonize.models.settings import NetworkSettings
from harmonize.training import reconstruction
from harmonize.weights import checkpoint

torch = pytest.importorskip("torch")


def test_prose_around_the_blocks_stays(study, finish, tmp_path):
    docs = tmp_path / "docs"
    report.write_page(study, docs)
    text = (docs / "results.md").read_text()
    assert "No run is finished yet." in text
    marker = "<!-- generated: sensitivity -->"
    (docs / "results.md").write_text(text.replace(marker, f"By hand.\n\n{marker}"))
    finish(study, "row1_seed0", [100, 300])
    report.write_page(study, docs)
    text = (docs / "results.md").read_text()
    assert "No run is finished yet." not in text
    assert f"By hand.\n\n{marker}" in text


def test_a_block_that_a_page_lacks_is_added():
    assert page.fill("# Mine\n", {"new": "1"}) == "# Mine\n\n<!-- generated: new -->\n1\n<!-- end of new -->\n"


def test_the_table_has_means_and_spread(study, finish, tmp_path):
    finish(study, "row1_seed0", [100, 300])
    finish(study, "row1_seed1", [110, 310])
    finish(study, "row5_seed0", [100, 200])
    report.write_page(study, tmp_path)
    text = (tmp_path / "results.md").read_text()
    assert "|  | composite |  | 200.0 | 2000.0 | 20.00 | 0.8000 |" in text
    assert "| 1 | iSSAM | 2 | 20.5 ± 0.7 | 205.0 ± 7.1 | 37.95 ± 0.07 | 0.8000 ± 0.0000 |" in text
    assert "| 5 | 150.0 | 73.2% | 20.50 / 236.22 / 38.77 | 89.9% |  |" in text
    assert "GIFT helps: not distinguishable at this budget" in text


def test_a_variation_is_better_where_it_is_beyond_chance(study, finish, tmp_path):
    finish(study, "row8_seed0", [100, 300])
    finish(study, "row8_gamma=0.1_seed0", [90, 290])
    report.write_page(study, tmp_path)
    assert "| -10.0 [-10.0, -10.0] | better |" in (tmp_path / "results.md").read_text()


def test_sensitivity_compares_under_the_same_seed(study, finish, tmp_path):
    finish(study, "row8_seed0", [100, 300])
    finish(study, "row8_seed1", [900, 900])
    finish(study, "row8_lambda=1_seed0", [90, 290])
    report.write_page(study, tmp_path)
    line = next(line for line in (tmp_path / "results.md").read_text().splitlines() if line.startswith("| lambda=1"))
    assert line.endswith("| 19.0 | 190.0 | 38.10 | 0.8000 | -10.0 [-10.0, -10.0] | within chance |")


def test_the_same_scores_draw_the_same_figure(study, finish, tmp_path):
    for row in (1, 5, 8):
        finish(study, f"row{row}_seed0", np.linspace(100, 900, 30) - 10 * row)
    report.write_page(study, tmp_path / "a")
    report.write_page(study, tmp_path / "b")
    first, second = ((tmp_path / name / "ablation.svg").read_bytes() for name in "ab")
    assert first == second
    assert len(first) < 60_000
    assert b"GIFT on D2, D3, E; relation distillation on E" in first


def test_the_strip_shows_composites_above_and_real_pictures_below(study, places, finish, tmp_path):
    _, held = hold_out(read_lights(places.lights), 4)
    pairs = HeldPairs(find_photos(places.photos, "val"), held)
    pairs.write(tmp_path / "demo")
    for row in (1, 5, 8):
        finish(study, f"row{row}_seed0", [1.0, 2.0])
        settings = study.settings(Trial(row, 0)).network
        checkpoint.save_weights(study.folder(f"row{row}_seed0") / "last.safetensors", giftnet.build(settings), settings)
    report.write_page(study, tmp_path / "docs", tmp_path / "demo")
    found = pixels.read_image(tmp_path / "docs" / "ablation_strip.webp")
    assert found.shape == (6 * 160 + 5 * pictures._GAP, 3 * 160 + 2 * pictures._GAP, 3)
    top, bottom = found[:160], found[-160:]
    background = (slice(0, 20), slice(0, 20))
    assert abs(top[background].mean() - bottom[background].mean()) < 3  # the background is the same
    assert np.abs(top.astype(float) - bottom).mean() > 1  # the foreground is not


@pytest.fixture
def pair():
    torch.manual_seed(0)
    network = giftnet.build(NetworkSettings(width=4))
    return network, reconstruction.freeze(reconstruction.build(NetworkSettings(width=4)))


@pytest.fixture
def batch():
    torch.manual_seed(1)
    real = torch.rand(2, 3, 32, 32)
    mask = torch.zeros(2, 1, 32, 32)
    mask[:, :, 8:20, 8:20] = 1
    return Batch(real * (1 - 0.4 * mask), mask, real, ("a", "b"))


def test_terms_are_relative_to_the_loss_as_read(pair, batch):
    images, distillations = diagnosis.diagnose(*pair, [batch])
    assert (images[0].share, images[0].cosine) == pytest.approx((1, 1))
    assert images[2].value == pytest.approx(255 * images[1].value, rel=1e-5)
    assert images[3].value == pytest.approx(3 * 32 * 32 * images[0].value, rel=1e-5)
    assert images[3].share == pytest.approx(3 * 32 * 32, rel=1e-5)
    assert all(term.value > 0 and -1 <= term.cosine <= 1 for term in distillations)


def test_readings_keep_their_proportions(pair, batch):
    terms = {term.name: term for term in diagnosis.diagnose(*pair, [batch])[1]}
    as_read = terms["as read: squares summed over pixels, γ = 0.01"]
    assert terms["the background's pixels alone"].value < as_read.value
    assert as_read.value / 1024 < terms["mean over pixels"].value < as_read.value / 16  # maps of 1,024 to 16 pixels


def test_measuring_leaves_the_network_as_it_is(pair, batch):
    network, teacher = pair
    before = {name: value.clone() for name, value in network.state_dict().items()}
    diagnosis.diagnose(network, teacher, [batch])
    assert all(bool((value == before[name]).all()) for name, value in network.state_dict().items())


def test_a_student_that_sees_what_its_teacher_sees_has_nothing_to_learn(batch):
    torch.manual_seed(0)
    basic = NetworkSettings(model="issam", gift=(), width=4)
    teacher = reconstruction.build(basic)
    same = Batch(batch.real, batch.mask, batch.real, batch.names)
    teacher.train()  # both then normalize by the batch
    _, distillations = diagnosis.diagnose(teacher, teacher, [same])
    assert all(term.value == pytest.approx(0, abs=1e-9) for term in distillations)


def test_the_report_measures_a_fresh_network_and_the_runs_named(study):
    assert trial.run_trial(study, None, device="cpu")
    told = diagnosis.report(study, [])
    assert told.startswith("**at the start**")
    assert "| as read: squares summed over pixels, γ = 0.01 |" in told
