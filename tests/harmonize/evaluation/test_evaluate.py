import csv
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.errors import ImageError, OutputError, SettingsError, SourceError, WeightsError
from ccharmony.images import pixels
from harmonize.evaluation import evaluate, methods, metrics, protocols, report, scoring
from harmonize.evaluation.methods import Method
from harmonize.evaluation.scoring import Rules, ScoredPair

ISSAM = Rules(protocols.find("issam"))
INVERSE = (1 / 0.9, 1 / 0.7, 1 / 0.6)
"""Undoes what `tiny.write_pairs` does to a foreground."""


@pytest.fixture
def pairs(tiny: SimpleNamespace, tmp_path: Path) -> Path:
    return tiny.write_pairs(tmp_path / "tiny", train=2, test=3)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An empty folder for predictions."""
    (tmp_path / "made").mkdir()
    return tmp_path / "made"


@pytest.fixture
def perfect(nets: SimpleNamespace) -> Method:
    """A network that makes each foreground right, and the background wrong."""
    return Method(nets.Recolor(INVERSE), "stand-in", {"weights": {"file": "stand-in"}, "predictions": None})


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_report_has_the_composite_beside_the_harmonized_picture(pairs, perfect, tmp_path):
    result = evaluate.evaluate([pairs], perfect, ISSAM, out=tmp_path / "out")
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == result
    for part in (result["overall"], result["sets"]["tiny"]):
        assert list(part) == ["composite", "harmonized", "worse"]
        assert list(part["composite"]) == ["mse", "fmse", "psnr", "fpsnr", "ssim", "fssim", "n"]
    assert result["overall"]["composite"]["n"] == 3
    assert result["overall"]["composite"]["fmse"] > 500
    assert result["overall"]["harmonized"]["fmse"] < 100  # all of it on the soft rim


def test_report_names_protocol_weights_and_whether_the_background_was_pasted_back(pairs, perfect, tmp_path):
    result = evaluate.evaluate([pairs], perfect, ISSAM, out=tmp_path / "out")
    assert (result["protocol"], result["size"], result["pasted"]) == ("issam", 256, False)
    assert result["weights"] == {"file": "stand-in"}
    assert result["predictions"] is None
    text = (tmp_path / "out" / "report.md").read_text()
    assert "Protocol issam at 256x256; stand-in; raw output, background included." in text


def test_raw_output_pays_for_its_background_and_a_pasted_one_does_not(pairs, perfect):
    raw = evaluate.evaluate([pairs], perfect, ISSAM)["overall"]["harmonized"]
    pasted = evaluate.evaluate([pairs], perfect, Rules(protocols.find("issam"), paste=True))
    assert raw["mse"] > 300 > 5 > pasted["overall"]["harmonized"]["mse"]
    assert pasted["pasted"] is True


def test_numbers_are_those_of_a_loop_over_the_pictures(pairs, perfect, tmp_path):
    """The composite's row, restated: OpenCV's resize to 256, float arithmetic, mean over pictures."""
    fmse, psnr = [], []
    for pair in find_pairs(pairs, "test")[0]:
        composite, real = (cv2.imread(str(path))[..., ::-1] for path in (pair.composite, pair.real))
        mask = cv2.imread(str(pair.mask), cv2.IMREAD_GRAYSCALE) / np.float32(255)
        composite, mask, real = (cv2.resize(part, (256, 256)) for part in (composite, mask, real))
        error = (composite.astype(float) - real) ** 2
        fmse.append((error * mask[..., None]).sum() / mask.sum() / 3)
        psnr.append(10 * np.log10(float(real.max()) ** 2 / error.mean()))
    result = evaluate.evaluate([pairs], perfect, ISSAM, out=tmp_path / "out")
    assert result["overall"]["composite"]["fmse"] == pytest.approx(np.mean(fmse), rel=1e-6)
    assert result["overall"]["composite"]["psnr"] == pytest.approx(np.mean(psnr), abs=1e-5)
    rows = read_csv(tmp_path / "out" / "images.csv")
    assert [float(row["composite_fmse"]) for row in rows] == pytest.approx(fmse, rel=1e-6)


def test_means_of_the_report_are_means_of_images_csv(pairs, perfect, tmp_path):
    result = evaluate.evaluate([pairs], perfect, ISSAM, split="all", out=tmp_path / "out")
    rows = read_csv(tmp_path / "out" / "images.csv")
    assert [row["name"] for row in rows] == [f"p_{number}_a_1.png" for number in range(5)]
    for name in metrics.NAMES:
        assert np.mean([float(row[name]) for row in rows]) == pytest.approx(result["overall"]["harmonized"][name])


def test_a_network_the_name_of_a_protocol_and_paths_as_text_are_enough(pairs, perfect, nets, tmp_path):
    expected = evaluate.evaluate([pairs], perfect, ISSAM)
    found = evaluate.evaluate(str(pairs), nets.Recolor(INVERSE).train(), "issam", out=str(tmp_path / "out"))
    assert found["overall"] == expected["overall"]
    assert found["weights"] == {"network": "Recolor"}
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == found


def test_a_folder_is_another_method_and_anything_else_is_weights(pairs, made):
    real = pixels.read_image(pairs / "real_images" / "p_3.png")
    pixels.write_image(made / "p_3_a_1.png", real)
    found = evaluate.evaluate(pairs, str(made))
    assert (found["predictions"], found["overall"]["harmonized"]["mse"]) == (str(made), 0)
    assert methods.open_method("giftnet_w16", "cpu").details["weights"]["file"] == "giftnet_w16"
    with pytest.raises(WeightsError, match="absent: no such weights"):
        evaluate.evaluate(pairs, "absent")


def test_the_name_of_an_unknown_protocol_is_refused(pairs, perfect):
    with pytest.raises(SettingsError, match="protocol psnr: not known, wanted one of issam standard"):
        evaluate.evaluate(pairs, perfect, "psnr")


@pytest.mark.parametrize("batch", [2, 5, 16])
def test_batches_and_threads_do_not_change_the_numbers(pairs, perfect, batch):
    one = evaluate.evaluate([pairs], perfect, ISSAM, split="all", batch=1, threads=1)
    many = evaluate.evaluate([pairs], perfect, ISSAM, split="all", batch=batch, threads=3)
    assert one["overall"] == many["overall"]


def test_overall_is_the_mean_over_pictures_not_over_sets(tiny, perfect, tmp_path):
    tiny.write_pairs(tmp_path / "root" / "A", train=1, test=1)
    tiny.write_pairs(tmp_path / "root" / "B", train=1, test=3)
    result = evaluate.evaluate([tmp_path / "root"], perfect, ISSAM)
    a, b = (result["sets"][name]["composite"] for name in "AB")
    assert (a["n"], b["n"]) == (1, 3)
    assert result["overall"]["composite"]["fmse"] == pytest.approx((a["fmse"] + 3 * b["fmse"]) / 4)
    assert result["overall"]["composite"]["fmse"] != pytest.approx((a["fmse"] + b["fmse"]) / 2)


def test_one_set_name_in_two_roots_is_refused(tiny, perfect, tmp_path):
    roots = [tiny.write_pairs(tmp_path / part / "HCOCO", train=1, test=1) for part in ("one", "two")]
    with pytest.raises(SourceError, match="a set HCOCO is in"):
        evaluate.evaluate(roots, perfect, ISSAM)


def test_pictures_are_counted_by_foreground_share():
    tally = report.Tally()
    scores = metrics.Scores(1, 2, 3, 4, 0.5, 0.6)
    for share in (0.0, 0.0499, 0.05, 0.1499, 0.15, 1.0):
        tally.add(ScoredPair("s", "n", share, scores, scores))
    assert {name: pair["composite"]["n"] for name, pair in tally.to_dict()["bins"].items()} == {
        "0-5": 2,
        "5-15": 2,
        "15-100": 2,
    }


def test_share_is_what_the_mask_covers_at_256(pairs, perfect, tmp_path):
    evaluate.evaluate([pairs], perfect, ISSAM, out=tmp_path / "out")
    rows = read_csv(tmp_path / "out" / "images.csv")
    assert len(rows) == 3
    for row in rows:
        mask = np.asarray(Image.open(pairs / "masks" / (row["name"].removesuffix("_1.png") + ".png")), np.float32)
        assert float(row["share"]) == pytest.approx((cv2.resize(mask, (256, 256)) > 0.5).mean())


def test_predictions_are_found_by_name_whatever_their_extension_and_folder(pairs, made):
    (made / "deep").mkdir()
    for number, suffix in ((2, ".jpg"), (3, ".webp"), (4, ".PNG")):
        real = pixels.read_image(pairs / "real_images" / f"p_{number}.png")
        (made / "deep" / f"P_{number}_a_1{suffix}").write_bytes(pixels.encode(real, suffix, 100))
    result = evaluate.evaluate([pairs], methods.open_predictions(made), ISSAM)
    assert result["overall"]["harmonized"]["n"] == 3
    assert result["overall"]["harmonized"]["psnr"] > 40
    assert result["weights"] is None
    assert result["predictions"] == str(made)


def test_predictions_of_two_sets_with_the_same_names_are_told_apart(tiny, made, tmp_path):
    for name in "AB":
        tiny.write_pairs(tmp_path / "root" / name, train=1, test=1)
        (made / name).mkdir()
    good = pixels.read_image(tmp_path / "root" / "A" / "real_images" / "p_1.png")
    pixels.write_image(made / "A" / "p_1_a_1.png", good)
    pixels.write_image(made / "B" / "p_1_a_1.png", np.zeros_like(good))
    sets = evaluate.evaluate([tmp_path / "root"], methods.open_predictions(made), ISSAM)["sets"]
    assert sets["A"]["harmonized"]["mse"] == 0
    assert sets["B"]["harmonized"]["mse"] > 1000


def test_predictions_of_one_name_that_nothing_tells_apart_are_refused(tiny, made, tmp_path):
    tiny.write_pairs(tmp_path / "A", train=0, test=1)
    for folder in ("first", "second"):
        (made / folder).mkdir()
        pixels.write_image(made / folder / "p_0_a_1.png", np.zeros((40, 48, 3), np.uint8))
    message = (
        r"A/p_0_a_1\.png: 2 predictions of that name in .* \(first/p_0_a_1\.png, second/p_0_a_1\.png\), wanted one"
    )
    with pytest.raises(SourceError, match=message):
        evaluate.evaluate([tmp_path / "A"], methods.open_predictions(made), ISSAM)
    (made / "second").rename(made / "a")
    assert evaluate.evaluate([tmp_path / "A"], methods.open_predictions(made), ISSAM)["skipped"] == []


def test_predictions_of_a_table_are_found_by_its_sub_folders(tiny, made, tmp_path):
    for name, seed in (("x", 0), ("y", 1)):
        (tmp_path / name).mkdir()
        pixels.write_image(tmp_path / name / "composite.png", tiny.draw_photo(seed) // 2)
        pixels.write_image(tmp_path / name / "real.png", tiny.draw_photo(seed))
        pixels.write_mask(tmp_path / name / "mask.png", tiny.draw_mask(seed))
        (made / name).mkdir()
        pixels.write_image(made / name / "composite.png", tiny.draw_photo(seed))
    (tmp_path / "t.csv").write_text("".join(f"{n}/composite.png,{n}/mask.png,{n}/real.png\n" for n in "xy"))
    result = evaluate.evaluate(tmp_path / "t.csv", methods.open_predictions(made), ISSAM)
    assert (result["overall"]["harmonized"]["n"], result["overall"]["harmonized"]["mse"]) == (2, 0)


def test_missing_predictions_are_named_and_counted(pairs, made, tmp_path, caplog):
    real = pixels.read_image(pairs / "real_images" / "p_3.png")
    pixels.write_image(made / "p_3_a_1.png", real)
    method = methods.open_predictions(made)
    result = evaluate.evaluate([pairs], method, ISSAM, out=tmp_path / "out")
    assert result["overall"]["composite"]["n"] == 1
    assert [line.split(":")[0] for line in result["skipped"]] == ["tiny/p_2_a_1.png", "tiny/p_4_a_1.png"]
    assert "left out: tiny/p_2_a_1.png: no prediction of that name" in caplog.text
    assert "Left out: 2" in (tmp_path / "out" / "report.md").read_text()
    with pytest.raises(ImageError, match=r"tiny/p_2_a_1\.png: no prediction"):
        evaluate.evaluate([pairs], method, ISSAM, strict=True)


def test_predictions_at_256_are_scored_as_they_are(pairs, made):
    for number in (2, 3, 4):
        real = pixels.read_image(pairs / "real_images" / f"p_{number}.png")
        pixels.write_image(made / f"p_{number}_a_1.png", cv2.resize(real, (256, 256)))
    result = evaluate.evaluate([pairs], methods.open_predictions(made), ISSAM)
    assert result["overall"]["harmonized"]["mse"] == 0


def test_a_prediction_of_another_size_is_reported(pairs, made):
    for number in (2, 3, 4):
        pixels.write_image(made / f"p_{number}_a_1.png", np.zeros((50, 60, 3), np.uint8))
    with pytest.raises(SourceError, match=r"p_2_a_1\.png: prediction of 60x50, wanted 48x40 or 256x256"):
        evaluate.evaluate([pairs], methods.open_predictions(made), ISSAM)


def test_a_folder_without_pictures_is_no_prediction(tmp_path):
    with pytest.raises(SourceError, match="no picture in it"):
        methods.open_predictions(tmp_path)
    with pytest.raises(SourceError, match="no such folder"):
        methods.open_predictions(tmp_path / "absent")


def test_full_size_scores_the_stored_pixels_with_the_background_pasted_back(pairs, perfect):
    rules = Rules(protocols.find("pctnet"), full=True)
    result = evaluate.evaluate([pairs], perfect, rules)
    assert (result["size"], result["pasted"], result["network_size"]) == ("full", True, 256)
    stored = []
    for pair in find_pairs(pairs, "test")[0]:
        composite, real = (pixels.read_image(path).astype(float) for path in (pair.composite, pair.real))
        stored.append(((composite - real) ** 2)[pixels.read_mask(pair.mask) > 0.5].mean())
    assert result["overall"]["composite"]["fmse"] == pytest.approx(np.mean(stored), rel=1e-6)
    assert result["overall"]["harmonized"]["fmse"] < 5


def test_full_size_leaves_predictions_of_others_as_they_are(pairs, made):
    for number in (2, 3, 4):
        real = pixels.read_image(pairs / "real_images" / f"p_{number}.png")
        pixels.write_image(made / f"p_{number}_a_1.png", 255 - real)
    rules = Rules(protocols.find("standard"), full=True)
    result = evaluate.evaluate([pairs], methods.open_predictions(made), rules)
    assert (result["pasted"], result["network_size"]) == (False, None)
    assert result["overall"]["harmonized"]["mse"] > 1000


def test_full_size_goes_with_standard_and_pctnet_only():
    with pytest.raises(
        SettingsError, match="protocol dovenet: scores at 256x256 only, full size goes with standard or"
    ):
        Rules(protocols.find("dovenet"), full=True)


def break_pair(pairs: Path, how: str) -> str:
    """Break the pair p_3 in one way; returns what the line about it must say."""
    composite, mask = pairs / "composite_images" / "p_3_a_1.png", pairs / "masks" / "p_3_a.png"
    if how == "mask of another size":
        pixels.write_mask(mask, np.ones((10, 20)))
        return "p_3_a.png: mask of 20x10, its photo is 48x40"
    if how == "gray composite":
        Image.new("L", (48, 40), 90).save(composite)
        return "p_3_a_1.png: gray, a photo needs three color channels"
    if how == "transparent composite":
        Image.new("RGBA", (48, 40), (9, 9, 9, 90)).save(composite)
        return "p_3_a_1.png: has transparent pixels"
    if how == "corrupt JPEG":
        data = pixels.encode(pixels.read_image(composite), ".jpg")
        composite.write_bytes(data[: len(data) // 2])
        return "p_3_a_1.png: truncated JPEG"
    if how == "empty mask":
        pixels.write_mask(mask, np.zeros((40, 48)))
        return "p_3_a.png: no foreground at 256x256, nothing to score"
    if how == "real of another size":
        pixels.write_image(pairs / "real_images" / "p_3.png", np.zeros((40, 50, 3), np.uint8))
        return "p_3_a_1.png and p_3.png: 48x40 and 50x40, wanted the same size"
    mask.unlink()
    return "p_3_a_1.png: no mask p_3_a in masks"


@pytest.mark.parametrize(
    "how",
    [
        "mask of another size",
        "gray composite",
        "transparent composite",
        "corrupt JPEG",
        "empty mask",
        "real of another size",
        "missing mask",
    ],
)
def test_a_broken_pair_is_reported_and_left_out_or_fatal(pairs, perfect, how):
    expected = break_pair(pairs, how)
    result = evaluate.evaluate([pairs], perfect, ISSAM)
    assert result["overall"]["composite"]["n"] == 2
    assert len(result["skipped"]) == 1
    assert expected in result["skipped"][0]
    with pytest.raises((ImageError, SourceError), match="p_3"):
        evaluate.evaluate([pairs], perfect, ISSAM, strict=True)


def test_a_16_bit_picture_is_scored_as_its_8_bits(pairs, perfect):
    before = evaluate.evaluate([pairs], perfect, ISSAM)["overall"]
    real = pixels.read_image(pairs / "real_images" / "p_3.png")
    cv2.imwrite(str(pairs / "real_images" / "p_3.png"), real[..., ::-1].astype(np.uint16) * 257)
    assert evaluate.evaluate([pairs], perfect, ISSAM)["overall"] == before


def test_a_missing_list_is_one_clear_line(pairs, perfect):
    (pairs / "tiny_test.txt").write_text("")
    with pytest.raises(SourceError, match="no complete pair of split 'test'"):
        evaluate.evaluate([pairs], perfect, ISSAM)
    with pytest.raises(SourceError, match=r"no list \*_val\.txt"):
        evaluate.evaluate([pairs], perfect, ISSAM, split="val")


def test_a_set_that_a_root_list_names_and_that_is_not_there_is_in_the_report(tiny, perfect, tmp_path):
    tiny.write_pairs(tmp_path / "data" / "HFlickr", train=0, test=2)
    names = ["HCOCO/composite_images/c_1_1.png", "HFlickr/composite_images/p_0_a_1.png"]
    (tmp_path / "data" / "IHD_test.txt").write_text("\n".join(names))
    result = evaluate.evaluate(tmp_path / "data", perfect, ISSAM, out=tmp_path / "out")
    assert (list(result["sets"]), result["overall"]["composite"]["n"]) == (["HFlickr"], 1)
    line = f"IHD_test.txt: no sub-dataset HCOCO in {tmp_path / 'data'}; composites left out: 1"
    assert line in (tmp_path / "out" / "report.md").read_text()


def test_a_list_that_names_absent_files_only_is_one_clear_line(pairs, perfect):
    (pairs / "tiny_test.txt").write_text("q_1_a_1.png\nq_2_a_1.png\n")
    with pytest.raises(SourceError, match="no complete pair of split 'test'"):
        evaluate.evaluate([pairs], perfect, ISSAM)


def test_an_evaluation_that_fails_leaves_no_table(pairs, nets, tmp_path):
    method = Method(nets.Broken(), "stand-in", {"weights": {}, "predictions": None})
    out = tmp_path / "out"
    with pytest.raises(Exception, match="not numbers"):
        evaluate.evaluate([pairs], method, ISSAM, out=out)
    assert not out.exists()


def test_a_place_that_cannot_be_written_is_one_clear_line(pairs, perfect, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        evaluate.evaluate([pairs], perfect, ISSAM, out=tmp_path / "file")


def test_no_more_than_a_few_pairs_are_read_ahead(pairs, nets, monkeypatch):
    """The list may be long: reading must wait for scoring."""
    read: list[str] = []
    load = scoring._load
    monkeypatch.setattr(scoring, "_load", lambda pair, *rest: (read.append(pair.name), load(pair, *rest))[1])
    found = find_pairs(pairs, "all")[0] * 20
    rows: Iterator[ScoredPair | str] = scoring.score_pairs(found, ISSAM, nets.Recolor(), threads=2, batch=1)
    for _ in range(3):
        next(rows)
    assert len(read) <= 12
    rows.close()
