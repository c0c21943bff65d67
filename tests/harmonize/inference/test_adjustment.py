import json

import click.testing
import colour
import numpy as np
import pytest
import torch

from ccharmony.dataset.formats import realhm
from ccharmony.errors import SettingsError, SourceError, WeightsError
from ccharmony.images import pixels
from harmonize.commands.apply import command
from harmonize.evaluation import evaluate, methods, protocols
from harmonize.evaluation.scoring import Rules
from harmonize.inference import adjustment, adjustment_plot, parametric
from harmonize.inference.adjustment import Adjustment
from harmonize.inference.curve_fit import find_adjustment
from harmonize.inference.image import harmonize_image
from harmonize.models.network import Parameters
from harmonize.models.pih import tables
from harmonize.models.pih.network import apply_parameters, build
from harmonize.models.settings import ISSAM, PihSettings
from harmonize.models.unet import UNet
from harmonize.weights import bundled, cards, checkpoint

IDENTITY = (np.arange(32) + 0.5) / 32


@pytest.fixture
def picture(tiny):
    return tiny.draw_photo(5, 150, 210), tiny.draw_mask(5, 150, 210).astype(np.float32)


@pytest.fixture
def found():
    random = np.random.default_rng(0)
    return Adjustment(IDENTITY ** np.array([[0.7], [1.0], [1.3]]), random.normal(0, 0.2, (16, 16)))


@pytest.fixture
def weights(tmp_path):
    settings = PihSettings(side=64, width=2)
    torch.manual_seed(1)
    net = build(settings)
    for parameter in net.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    checkpoint.save_weights(tmp_path / "pih.safetensors", net, settings)
    return tmp_path / "pih.safetensors"


def test_numpy_and_torch_apply_the_same(picture, found):
    image, mask = picture
    parameters = Parameters(torch.from_numpy(found.curves)[None], torch.from_numpy(found.log_gain)[None, None])
    unit = torch.from_numpy(image).permute(2, 0, 1)[None].double() / 255
    expected = apply_parameters(unit, torch.from_numpy(mask)[None, None].double(), parameters)
    levels = (expected.clamp(0, 1) * 255)[0].permute(1, 2, 0).numpy()
    assert np.abs(adjustment.apply(found, image, mask) - levels).max() < 0.51


def test_known_curves_give_known_levels():
    image = np.array([[[0, 128, 255]]], np.uint8)
    knots = np.stack([np.full(32, 0.4), IDENTITY, IDENTITY])
    full = np.ones((1, 1), np.float32)
    assert adjustment.apply(Adjustment(knots, np.zeros((1, 1))), image, full).tolist() == [[[102, 128, 251]]]
    doubled = Adjustment(knots, np.full((1, 1), np.log(1.5)))
    assert adjustment.apply(doubled, image, full).tolist() == [[[153, 192, 255]]]
    assert adjustment.apply(doubled, image, full, strength=0.5).tolist() == [[[76, 160, 255]]]


def test_the_background_and_strength_0_are_the_picture_to_the_bit(picture, found):
    image, mask = picture
    result = adjustment.apply(found, image, mask)
    assert (result[mask == 0] == image[mask == 0]).all()
    assert (result[mask == 1] != image[mask == 1]).any()
    assert (adjustment.apply(found, image, mask, strength=0) == image).all()
    assert (adjustment.apply(found, image, np.zeros_like(mask)) == image).all()


def test_what_is_written_can_be_read_edited_and_applied(picture, found, tmp_path):
    image, mask = picture
    adjustment.write_json(tmp_path / "out.json", found, notes={"picture": "a.png"})
    again = adjustment.read_json(tmp_path / "out.json")
    before, after = (adjustment.apply(one, image, mask).astype(int) for one in (found, again))
    assert np.abs(before - after).max() <= 1
    values = json.loads((tmp_path / "out.json").read_text())
    assert values["picture"] == "a.png"
    values["curves"]["red"] = [0.0] * 32
    values["log_gain"] = [[0.0]]
    (tmp_path / "edited.json").write_text(json.dumps(values))
    edited = adjustment.apply(adjustment.read_json(tmp_path / "edited.json"), image, mask)
    assert (edited[mask > 0][:, 0] == 0).all()
    assert (edited[mask > 0][:, 1:] > 0).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.pop("format"), "format None found"),
        (lambda values: values["curves"].pop("blue"), "curves of red, green, blue and log_gain wanted"),
        (lambda values: values["curves"].update(red=[0.5]), "curves of red, green, blue"),
        (lambda values: values.update(log_gain=[[float("nan")]]), "NaN, wanted a finite number"),
        (lambda values: values.update(log_gain=[]), "log gain: shape"),
        (lambda values: values["curves"].update(red=["x"] * 32), "curves of red, green, blue"),
    ],
)
def test_an_adjustment_that_cannot_be_used_is_refused_by_name(found, tmp_path, change, message):
    adjustment.write_json(tmp_path / "out.json", found)
    values = json.loads((tmp_path / "out.json").read_text())
    change(values)
    (tmp_path / "out.json").write_text(json.dumps(values))
    with pytest.raises(SettingsError, match=r"out\.json: .*" + message):
        adjustment.read_json(tmp_path / "out.json")


def test_no_file_and_no_json_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        adjustment.read_json(tmp_path / "none.json")
    (tmp_path / "no.json").write_text("{")
    with pytest.raises(SettingsError, match="not JSON"):
        adjustment.read_json(tmp_path / "no.json")


def test_the_cube_holds_the_curves_times_the_foreground_s_mean_gain(tmp_path):
    log_gain = np.array([[np.log(2.0), np.log(0.5)]])
    mask = np.zeros((4, 8), np.float32)
    mask[:, :4] = 1  # under the brightening cell alone
    knots = np.stack([IDENTITY, IDENTITY, np.full(32, 0.25)])
    adjustment.write_cube(tmp_path / "a.cube", Adjustment(knots, log_gain), mask, size=None, title="a")
    lines = (tmp_path / "a.cube").read_text().splitlines()
    assert lines[:1] + lines[2:5] == [
        'TITLE "a"',
        "LUT_1D_SIZE 256",
        "DOMAIN_MIN 0.0 0.0 0.0",
        "DOMAIN_MAX 1.0 1.0 1.0",
    ]
    assert lines[1] == "# Curves of harmonize. The shading map is not in them, its mean gain 2.0000 is."
    assert len(lines) == 261
    assert lines[5] == "0.031250 0.031250 0.500000"
    assert lines[5 + 51] == "0.400000 0.400000 0.500000"
    assert lines[-1] == "1.000000 1.000000 0.500000"


@pytest.mark.parametrize(("size", "tolerance"), [(33, 0.016), (65, 1e-5)])
def test_an_independent_reader_finds_the_curves_in_the_cube(tmp_path, size, tolerance):
    """Knots lie between the points of a cube of 33, which cuts their corners (1/64 where a curve ends), and on 65's."""
    knots = np.stack([IDENTITY**0.8, 0.2 + 0.5 * IDENTITY, 1 - IDENTITY])
    flat = Adjustment(knots, np.zeros((1, 1)))
    adjustment.write_cube(tmp_path / "a.cube", flat, np.ones((2, 2), np.float32), size=size, title='k"ü\nche')
    lut = colour.read_LUT(tmp_path / "a.cube")
    assert (lut.size, lut.name) == (size, "k'?'che")
    np.testing.assert_array_equal(lut.domain, [[0, 0, 0], [1, 1, 1]])
    colors = np.random.default_rng(0).uniform(0, 1, (500, 3))
    expected = np.stack([np.interp(colors[:, n], IDENTITY, knots[n]) for n in range(3)], axis=1)
    np.testing.assert_allclose(lut.apply(colors), expected, atol=tolerance)
    tetrahedral = lut.apply(colors, interpolator=colour.algebra.table_interpolation_tetrahedral)
    np.testing.assert_allclose(tetrahedral, expected, atol=tolerance)


@pytest.mark.parametrize("size", [1, 130])
def test_a_cube_of_a_size_that_no_editor_reads_is_refused(found, tmp_path, size):
    with pytest.raises(SettingsError, match="cube size"):
        adjustment.write_cube(tmp_path / "a.cube", found, np.ones((2, 2), np.float32), size=size)


def test_apply_gives_what_the_parameters_give(picture, weights):
    image, mask = picture
    net = parametric.load(weights, "cpu")
    expected = adjustment.apply(parametric.predict(net, image, mask), image, mask)
    result = harmonize_image(image, mask, net)
    np.testing.assert_array_equal(result, expected)
    half = adjustment.apply(parametric.predict(net, image, mask), image, mask, 0.5)
    np.testing.assert_array_equal(harmonize_image(image, mask, net, strength=0.5), half)
    assert (result[mask > 0] != image[mask > 0]).any()


def test_the_command_writes_parameters_and_applies_them_again(picture, weights, tmp_path, caplog):
    image, mask = picture
    pixels.write_image(tmp_path / "c.png", image)
    pixels.write_mask(tmp_path / "m.png", mask)
    run = click.testing.CliRunner().invoke
    inputs = [str(tmp_path / "c.png"), str(tmp_path / "m.png")]
    more = ["--params", "p.json", "--curves", "c.cube", "--plot", "plot.png", "--weights", str(weights)]
    more = [str(tmp_path / word) if "." in word and not word.startswith("/") else word for word in more]
    first = run(command, [*inputs, "-o", str(tmp_path / "one.png"), *more], catch_exceptions=False)
    assert first.exit_code == 0, first.output
    again = [*inputs, "-o", str(tmp_path / "two.png"), "--from-params", str(tmp_path / "p.json")]
    assert run(command, again, catch_exceptions=False).exit_code == 0
    one, two = (pixels.read_image(tmp_path / name).astype(int) for name in ("one.png", "two.png"))
    assert np.abs(one - two).max() <= 1
    cube = (tmp_path / "c.cube").read_text()
    assert cube.startswith('TITLE "c"\n#')
    assert "\nLUT_3D_SIZE 33\n" in cube
    assert "c.cube: the curves alone; of the shading map only its mean, " in caplog.text
    assert pixels.read_image(tmp_path / "plot.png").shape == (560, 1120, 3)
    both = run(command, [*again, "--weights", str(weights)])
    assert both.exit_code == 2
    assert "--from-params takes the place of a network" in both.output


def test_weights_without_curves_write_those_that_come_nearest_and_make_their_result(
    picture, tmp_path, caplog, monkeypatch
):
    image, mask = picture
    pixels.write_image(tmp_path / "c.png", image)
    pixels.write_mask(tmp_path / "m.png", mask)
    monkeypatch.chdir(tmp_path)
    words = "c.png m.png --weights giftnet_w16 --runtime torch --device cpu --params p.json -o one.png"
    done = click.testing.CliRunner().invoke(command, words.split(), catch_exceptions=False)
    assert done.exit_code == 0
    found = find_adjustment(image, pixels.read_mask(tmp_path / "m.png"), "giftnet_w16")
    said = f"c.png: curves and map are fitted; of {found.change:.1f} levels of change they miss {found.error:.1f}"
    assert said in caplog.text
    wanted = adjustment.apply(found.adjustment, image, pixels.read_mask(tmp_path / "m.png"))
    np.testing.assert_array_equal(pixels.read_image(tmp_path / "one.png"), wanted)
    assert adjustment.read_json(tmp_path / "p.json").curves.shape == (3, 32)


def test_parameters_of_one_frame_change_the_object_alike_in_all(tiny, weights, tmp_path):
    for folder in ("frames", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(3):
        mask = np.zeros((64, 96), bool)
        mask[20:40, 10 + 20 * number : 30 + 20 * number] = True
        frame = np.where(mask[..., None], np.uint8(150), tiny.draw_photo(number, 64, 96))
        pixels.write_image(tmp_path / "frames" / f"f_{number}.png", frame)
        pixels.write_mask(tmp_path / "masks" / f"m_{number}.png", mask)
    first = [str(tmp_path / "frames" / "f_0.png"), str(tmp_path / "masks" / "m_0.png"), "-o", str(tmp_path / "one.png")]
    options = ["--params", str(tmp_path / "p.json"), "--weights", str(weights)]
    run = click.testing.CliRunner().invoke
    assert run(command, [*first, *options], catch_exceptions=False).exit_code == 0
    folders = [str(tmp_path / "frames"), str(tmp_path / "masks"), "-o", str(tmp_path / "out")]
    path = tmp_path / "p.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps({**found, "log_gain": [[0.0]]}))  # curves alone, which know no place
    done = run(command, [*folders, "--from-params", str(path)], catch_exceptions=False)
    assert done.output.endswith("out: 3 harmonized, 0 left out\n")
    frames = [pixels.read_image(tmp_path / "out" / f"f_{number}.png") for number in range(3)]
    colors = {tuple(int(level) for level in frames[n][30, 20 + 20 * n]) for n in range(3)}
    assert len(colors) == 1
    assert colors != {(150, 150, 150)}
    refused = run(command, [*folders, *options])
    assert refused.exit_code == 2
    assert "--params is for one picture; write --params of one picture, then --from-params" in refused.output


def test_other_networks_have_no_curves(tmp_path):
    checkpoint.save_weights(tmp_path / "issam.safetensors", UNet(ISSAM), ISSAM)
    with pytest.raises(WeightsError, match="weights of UNet found, those of a parametric network wanted"):
        parametric.load(tmp_path / "issam.safetensors", "cpu")


def test_the_best_on_validation_is_the_default(tmp_path, monkeypatch, weights):
    settings = PihSettings(side=64, width=2)
    net = build(settings)
    for name, error, hidden in (("one", 30.0, 40.0), ("two", 35.0, 38.0), ("three", 20.0, None)):
        notes = {"val_fmse": error, "hidden_fmse": hidden}
        checkpoint.save_weights(tmp_path / f"{name}.safetensors", net, settings, metadata=notes)
    checkpoint.save_weights(tmp_path / "unknown.safetensors", net, settings)
    weights.unlink()
    monkeypatch.setattr(bundled, "WEIGHTS", tmp_path)
    assert cards.default_weights() == "two"
    assert cards.default_weights("pih") == "two"
    with pytest.raises(WeightsError, match="no weights of giftnet are bundled"):
        cards.default_weights("giftnet")


def test_the_plot_draws_each_curve_in_its_color(found):
    plot = adjustment_plot.plot(found)
    assert plot.shape == (560, 1120, 3)
    for ink in ((214, 39, 40), (44, 160, 44), (31, 119, 180)):
        assert (np.abs(plot[:, :560].astype(int) - ink).max(axis=2) <= 2).sum() > 500


def test_a_curve_of_the_identity_is_its_own_table():
    assert np.abs(tables.table(IDENTITY)[4:252] - np.arange(4, 252) / 255).max() < 1e-12


def write_realhm(root, tiny):
    for number, composite in enumerate(("a.jpg", "b_small.jpg", "lost.jpg")):
        folder = root / f"vendor_testing_{number + 1}"
        folder.mkdir(parents=True)
        stem = composite.removesuffix(".jpg").removesuffix("_small")
        if stem != "lost":
            pixels.write_image(folder / composite, tiny.draw_photo(number))
        pixels.write_image(folder / f"{stem}_gt.jpg", tiny.draw_photo(number))
        pixels.write_image(folder / f"{stem}_fore.jpg", tiny.draw_photo(number + 9))
        mask = np.repeat(tiny.draw_mask(number)[..., None].astype(np.uint8) * 255, 3, axis=2)
        pixels.write_image(folder / f"{stem}_mask.jpg", mask)
    return root


def test_realhm_s_folders_are_pairs(tiny, tmp_path):
    pairs, problems = realhm.find_pairs(write_realhm(tmp_path, tiny))
    assert [(pair.set, pair.name, pair.real.name) for pair in pairs] == [
        ("vendor_testing_1", "a.jpg", "a_gt.jpg"),
        ("vendor_testing_2", "b_small.jpg", "b_gt.jpg"),
    ]
    assert problems == [
        f"{tmp_path / 'vendor_testing_3' / 'lost'}: the answer exists, lost.jpg or lost_small.jpg does not"
    ]
    with pytest.raises(SourceError, match="lost"):
        realhm.find_pairs(tmp_path, strict=True)


def test_realhm_is_evaluated_at_256_with_a_peak_of_255(tiny, tmp_path, weights):
    method = methods.open_weights(weights, "cpu")
    result = evaluate.evaluate([write_realhm(tmp_path / "hm", tiny)], method, Rules(protocols.find("standard")))
    assert len(result["skipped"]) == 1
    assert sorted(result["sets"]) == ["vendor_testing_1", "vendor_testing_2"]
    # These composites are their answers: 255² over the metric's ε of 1e-6 is 108.13 dB, the answers' maxima give less.
    assert result["overall"]["composite"]["psnr"] == pytest.approx(108.13, abs=0.01)
    assert result["overall"]["harmonized"]["fmse"] > 1
