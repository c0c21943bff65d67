from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ccharmony.errors import ManifestError, SettingsError
from harmonize.evaluation import compare, metrics, report
from harmonize.evaluation.compare import Table
from harmonize.evaluation.scoring import ScoredPair


def make_table(fmse: np.ndarray, *, protocol: str = "issam", names: list[str] | None = None) -> Table:
    """A table whose other metrics follow from fMSE, one picture a photo unless named otherwise."""
    names = names or [f"p{number}_1_1.jpg" for number in range(len(fmse))]
    rows = {("S", name): (v, v, -v, -v, -v, -v) for name, v in zip(names, fmse.tolist(), strict=True)}
    return Table(Path("t.csv"), protocol, rows)


@pytest.fixture
def base() -> np.ndarray:
    return np.random.default_rng(0).gamma(2, 100, 400)


def test_a_real_difference_is_found(base):
    better = base - 10 + np.random.default_rng(1).normal(0, 30, 400)
    fmse = compare.compare(make_table(base), make_table(better)).differences[1]
    assert (fmse.metric, fmse.better) == ("fmse", "B")
    assert fmse.high < 0
    assert fmse.p < 0.001


def test_noise_is_not_taken_for_a_difference(base):
    other = base + np.random.default_rng(2).normal(0, 30, 400)
    fmse = compare.compare(make_table(base), make_table(other)).differences[1]
    assert fmse.low < 0 < fmse.high
    assert fmse.better == "-"
    assert fmse.p > 0.05


def test_the_interval_agrees_with_a_paired_t_test(base):
    """Of one picture a photo and errors near normal, the bootstrap must say what Student's interval says."""
    gain = np.random.default_rng(3).normal(-4, 30, 400)
    found = compare.compare(make_table(base), make_table(base + gain)).differences[0]
    expected = stats.ttest_1samp(gain, 0)
    interval = expected.confidence_interval(0.95)
    assert found.difference == pytest.approx(gain.mean())
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.25)
    assert found.p == pytest.approx(expected.pvalue, abs=0.01)


def test_higher_is_better_for_psnr_and_lower_for_mse(base):
    found = compare.compare(make_table(base), make_table(base - 10))
    assert [row.better for row in found.differences] == ["B"] * 6
    assert found.differences[2].difference == pytest.approx(10)


def test_composites_of_one_photo_do_not_count_as_ten_witnesses(base):
    """Ten copies of 40 pictures hold no more than the 40: the interval stays, where a naive one shrinks by sqrt(10)."""
    gain = np.random.default_rng(4).normal(0, 30, 40)
    alone = compare.compare(make_table(base[:40]), make_table(base[:40] + gain))
    names = [f"p{photo}_a_{number}.jpg" for photo in range(40) for number in range(10)]
    many = compare.compare(
        make_table(base[:40].repeat(10), names=names), make_table((base[:40] + gain).repeat(10), names=names)
    )
    assert (alone.photos, many.photos, many.pictures) == (40, 40, 400)
    widths = [found.differences[0].high - found.differences[0].low for found in (alone, many)]
    assert widths[1] == pytest.approx(widths[0], rel=0.05)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(base):
    tables = make_table(base), make_table(base * 0.99)
    first = compare.compare(*tables, seed=3)
    assert first == compare.compare(*tables, seed=3)
    assert first.differences[0].low != compare.compare(*tables, seed=4).differences[0].low


def test_pictures_of_one_table_alone_are_named(base):
    a, b = make_table(base), make_table(base[:399])
    b.scores[("S", "new_1_1.jpg")] = a.scores[("S", "p0_1_1.jpg")]
    found = compare.compare(a, b)
    assert (found.pictures, found.only_a, found.only_b) == (399, ("S/p399_1_1.jpg",), ("S/new_1_1.jpg",))


def test_tables_without_a_common_picture_are_refused(base):
    other = make_table(base, names=[f"q{number}_1_1.jpg" for number in range(400)])
    with pytest.raises(SettingsError, match="no picture in both"):
        compare.compare(make_table(base), other)


@pytest.mark.parametrize("photos", [1, 5])
def test_few_photos_are_refused_however_many_their_pictures(base, photos):
    names = [f"p{number % photos}_a_{number}.jpg" for number in range(50)]
    message = f"50 pictures of {photos} photos in both, a comparison needs 6 photos or more"
    with pytest.raises(SettingsError, match=message):
        compare.compare(make_table(base[:50], names=names), make_table(base[:50] - 10, names=names))


def test_p_is_never_below_what_the_signs_of_so_few_photos_can_say(base):
    found = compare.compare(make_table(base[:6]), make_table(base[:6] - 10))
    assert [row.p for row in found.differences] == [1 / 32] * 6
    assert compare.compare(make_table(base[:8]), make_table(base[:8] - 10)).differences[0].p == 1 / 128
    assert compare.compare(make_table(base), make_table(base - 10)).differences[0].p == 2 / 10_001


def test_the_photo_of_a_picture_is_what_its_table_says(base):
    names = [f"IMG_2020_{number}.jpg" for number in range(12)]  # of the form <photo>_<foreground>_<number>
    tables = [make_table(base[:12], names=names), make_table(base[:12] - 10, names=names)]
    with pytest.raises(SettingsError, match="12 pictures of 1 photos"):
        compare.compare(*tables)
    tables[0].photos.update({("S", name): name for name in names})
    assert compare.compare(*tables).photos == 12


def test_tables_of_two_protocols_are_refused(base):
    with pytest.raises(SettingsError, match=r"t\.csv follows issam, t\.csv follows pctnet"):
        compare.compare(make_table(base), make_table(base, protocol="pctnet"))


def test_a_table_comes_back_as_it_was_written(tmp_path):
    before, after = metrics.Scores(1, 2, 3, 4, 0.5, 0.6), metrics.Scores(1.5, 2.25, 30.125, 4, 0.75, 1 / 3)
    with report.open_images(tmp_path / "images.csv", "issam") as images:
        images.write(ScoredPair("HCOCO", "c1_2_3.jpg", 0.1, before, after, "c1"))
    table = compare.read_table(tmp_path / "images.csv")
    assert table.protocol == "issam"
    assert table.scores[("HCOCO", "c1_2_3.jpg")] == pytest.approx(after.values(), rel=1e-8)
    assert table.photo_of(("HCOCO", "c1_2_3.jpg")) == "HCOCO/c1"


def test_names_in_the_table_are_no_formulas_and_come_back(tmp_path):
    scores = metrics.Scores(1, 2, 3, 4, 0.5, 0.6)
    with report.open_images(tmp_path / "images.csv", "issam") as images:
        images.write(ScoredPair("@set", "=1+2_a_1.jpg", 0.1, scores, scores, "=1+2"))
    line = (tmp_path / "images.csv").read_text().splitlines()[1]
    assert line.startswith("issam,'@set,'=1+2_a_1.jpg,'=1+2,0.1,")
    assert compare.read_table(tmp_path / "images.csv").photos == {("@set", "=1+2_a_1.jpg"): "=1+2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0 rows of 0 protocols"),
        ("a,b\n1,2\n", "not the images.csv of an evaluation"),
        ("protocol,set,name,mse,fmse,psnr,fpsnr,ssim,fssim\nissam,S,n,1,2,x,4,5,6\n", "not the images.csv"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ManifestError, match=message):
        compare.read_table(tmp_path / "a.csv")


def test_an_absent_table_is_named(tmp_path):
    with pytest.raises(ManifestError, match=r"absent\.csv: cannot be read"):
        compare.read_table(tmp_path / "absent.csv")


def test_two_evaluations_are_compared_by_their_files(base, tmp_path):
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path, gain in zip(paths, (0, 10), strict=True):
        with report.open_images(path, "issam") as images:
            for number, value in enumerate(base[:30].tolist()):
                scores = metrics.Scores(value - gain, value - gain, 30, 30, 0.5, 0.5)
                images.write(ScoredPair("S", f"p{number}_1_1.jpg", 0.1, scores, scores))
    found = compare.compare(str(paths[0]), paths[1], resamples=200)
    assert (found.pictures, found.differences[0].better) == (30, "B")
    assert found.differences[0].difference == pytest.approx(-10)
