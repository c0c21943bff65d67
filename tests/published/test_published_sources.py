"""The sources against the real files."""

import json
import struct
from collections import Counter

import numpy as np
import pytest
import scipy.io

from ccharmony import catalog, sources
from ccharmony.checker import crop
from ccharmony.checker.chart import CHART_TO_RELEASE
from ccharmony.checker.detect import find_checker
from ccharmony.checker.patches import affine_residual, orientation_ratio, read_quads
from ccharmony.images import mask_rules, pixels
from ccharmony.sources import gehler, reading
from ccharmony.sources.files import read_rows
from ccharmony.sources.nus.chart import quarter_turns
from ccharmony.sources.nus.truth import read_colors, read_truth
from ccharmony.sources.release import enrich
from ccharmony.sources.release.files import read_release


@pytest.fixture(scope="module")
def published(shared_data):
    return read_release(shared_data / "ccharmony_release")


@pytest.fixture(scope="module")
def mask_shapes(published):
    """Height and width of every published mask by photo and letter, from the PNG headers."""
    shapes = {}
    for photo, masks in published.masks.items():
        for letter, mask in masks.items():
            width, height = struct.unpack(">II", mask.read_bytes()[16:24])
            shapes[photo, letter] = height, width
    return shapes


@pytest.fixture(scope="module")
def facts(shared_data):
    """What recurrent-color-constancy lists of every NUS and Gehler photo, by id."""
    folder = shared_data / "fixtures" / "meta"
    entries = [
        entry for name in ("nus", "color_checker") for entry in json.loads((folder / f"{name}.json").read_text())
    ]
    return {entry["img_name"].rpartition(".")[0]: entry for entry in entries}


def chart_of(shared_data, photo, shape):
    path = shared_data / "gehler" / "coordinates" / f"{photo}_macbeth.txt"
    _, camera = catalog.read_source("gehler").identify(photo)
    return gehler.read_chart(path, shape, camera.raw_size)


class TestGehler:
    def test_the_crop_gives_the_size_of_every_published_mask(self, shared_data, mask_shapes):
        sides, photos = Counter(), set()
        for (photo, letter), mask_shape in mask_shapes.items():
            known = catalog.read_source("gehler").identify(photo)
            if known is None:
                continue
            width, height = known[1].rendered_size
            rows = read_rows(shared_data / "gehler" / "coordinates" / f"{photo}_macbeth.txt")
            shape = (width, height) if rows[0][0] < rows[0][1] else (height, width)
            x0, y0, x1, y1 = crop.largest_without(chart_of(shared_data, photo, shape).box, shape)
            assert (y1 - y0, x1 - x0) == mask_shape, f"{photo}_{letter}"
            if photo not in photos:
                sides["right" if x0 else "bottom" if y0 else "left" if x1 < shape[1] else "top"] += 1
            photos.add(photo)
        assert len(photos) == 222
        assert sides == {"left": 125, "top": 47, "right": 44, "bottom": 6}

    def test_the_chart_is_where_another_project_has_it(self, shared_data, facts):
        """Its polygons are fractions; 568 photos, standing ones and files of both cameras among them."""
        checked = 0
        for photo, entry in facts.items():
            known = catalog.read_source("gehler").identify(photo)
            if known is None:
                continue
            fractions = np.array(entry["polygon"])
            rows = read_rows(shared_data / "gehler" / "coordinates" / f"{photo}_macbeth.txt")
            shape = tuple(int(side) for side in rows[0][::-1])
            chart = chart_of(shared_data, photo, shape)
            expected = fractions * np.array(shape[::-1])
            assert chart.corners == pytest.approx(expected, abs=0.02), photo
            checked += 1
        assert checked == 568

    def test_22_files_without_a_header_can_be_read(self, shared_data):
        folder = shared_data / "gehler" / "coordinates"
        headerless = [path for path in folder.iterdir() if len(read_rows(path)) == 100]
        assert len(headerless) == 22
        for path in headerless:
            photo = path.name.removesuffix("_macbeth.txt")
            _, camera = catalog.read_source("gehler").identify(photo)
            width, height = camera.raw_size
            stands = max(y for _, y in read_rows(path)) > height
            chart = gehler.read_chart(path, (width, height) if stands else (height, width), camera.raw_size)
            assert chart.quads.shape == (24, 4, 2)

    def test_the_patches_of_the_linear_copy_are_those_of_the_12_bit_table(self, shared_data):
        """Shi's picture, here a copy of 8 bits, was scaled by one number: all 72 ratios agree, black ones included."""
        (photo,) = sources.find(["gehler"], shared_data).photos
        linear = sources.reading.pixels.read_linear(photo.path).astype(np.uint8)
        levels = 255 * read_quads(linear, photo.chart.quads).colors
        table = scipy.io.loadmat(shared_data / "gehler" / "colourchecker_gamma1_bit12.mat")["real_rgb"][0]
        ratios = table[CHART_TO_RELEASE] / levels
        assert np.median(ratios) == pytest.approx(13.55, abs=0.02)
        bright = levels > 10
        assert ratios[bright] == pytest.approx(np.median(ratios), rel=0.02)

    def test_the_rendered_chart_fits_its_standard_colors(self, shared_data):
        (photo,) = sources.find(["gehler"], shared_data).photos
        patches = read_quads(reading.read_photo(photo), photo.chart.quads)
        assert patches.usable.sum() >= 23
        assert affine_residual(patches.colors) < 20
        assert orientation_ratio(patches.colors) > 1.7

    def test_black_levels_and_saturation_are_those_of_the_dataset(self, facts):
        for camera, name in (("Canon1Ds", "canon1d"), ("Canon5D", "canon5d")):
            known = next(entry for entry in catalog.read_source("gehler").cameras if entry.name == camera)
            listed = [entry for entry in facts.values() if entry["camera"] == name]
            assert len(listed) == known.photos
            assert {(entry["black_level"], entry["saturation"]) for entry in listed} == {
                (known.black, known.saturation)
            }


class TestNus:
    def test_counts_and_levels_are_those_of_the_dataset(self, facts):
        for camera in catalog.read_source("nus").cameras:
            listed = [entry for name, entry in facts.items() if name.startswith(f"{camera.name}_")]
            assert len(listed) == camera.photos, camera.name
            assert {(entry["black_level"], entry["saturation"]) for entry in listed} == {
                (camera.black, camera.saturation)
            }

    def test_the_charts_corners_have_few_digits_in_pixels_of_the_linear_picture(self, facts):
        """mask.txt has at most two decimals in most photos, so only the true size makes decimals of the fractions."""
        for camera in catalog.read_source("nus").cameras:
            entries = [entry for name, entry in facts.items() if name.startswith(f"{camera.name}_")]
            lefts = np.array([np.min(entry["polygon"], axis=0)[0] for entry in entries])

            def share(width, lefts=lefts):
                hundredths = 100 * width * lefts
                return np.mean(np.abs(hundredths - np.rint(hundredths)) < 0.02)

            width = camera.linear_size[0]
            right, wrong = share(width), max(share(width + shift) for shift in (-7, -3, -2, -1, 1, 2, 3, 7))
            assert right > 0.6, camera.name
            assert right > 3 * wrong, camera.name

    def test_the_five_photos_have_their_chart_where_their_box_is(self, shared_data):
        found = sources.find(["nus"], shared_data)
        assert [photo.id[-4:] for photo in found.photos] == ["0002", "0004", "0005", "0006", "0008"]
        assert found.problems == []
        for photo in found.photos:
            detection = find_checker(reading.read_photo(photo), box=photo.chart.box)
            assert detection.reason == "", photo.id
            assert crop.bounding_box(detection.corners) == pytest.approx(photo.chart.box, abs=30), photo.id

    @pytest.mark.parametrize("number", ["0004", "0005"])
    def test_the_counts_of_color_txt_are_in_release_order(self, shared_data, number):
        folder = shared_data / "nus" / "Canon1DsMkIII" / "CHECKER"
        truth = read_truth(shared_data / "nus" / "Canon1DsMkIII_gt.mat")
        linear = read_colors(folder / f"Canon1DsMkIII_{number}_color.txt", truth)
        assert linear.min() > 0
        encoded = np.clip(linear / linear.max(), 0, 1) ** (1 / 2.2)
        assert orientation_ratio(encoded) > 1.7
        assert affine_residual(encoded) < 20

    def test_the_mat_has_259_photos_and_its_levels(self, shared_data):
        truth = read_truth(shared_data / "nus" / "Canon1DsMkIII_gt.mat")
        assert len(truth.boxes) == 259
        assert (truth.black, truth.saturation) == (1024, 15279)
        assert truth.boxes["Canon1DsMkIII_0001"] == (355, 409, 929, 858)

    def test_without_mask_txt_the_mat_leads_to_the_same_charts(self, shared_data, tmp_path):
        """Photo 0005 stands upright: its CC_coords are stretched to a lying frame, and the detection finds that out."""
        (tmp_path / "nus").mkdir()
        (tmp_path / "nus" / "JPG").symlink_to(shared_data / "nus" / "Canon1DsMkIII" / "JPG")
        (tmp_path / "nus" / "Canon1DsMkIII_gt.mat").symlink_to(shared_data / "nus" / "Canon1DsMkIII_gt.mat")
        wanted = {photo.id: photo.chart.box for photo in sources.find(["nus"], shared_data).photos}
        found = {photo.id: photo.chart.box for photo in sources.find(["nus"], tmp_path).photos}
        assert len(found) == 5
        assert found.keys() == wanted.keys()
        for photo, box in found.items():
            assert box == pytest.approx(wanted[photo], abs=16), photo


class TestRelease:
    def test_its_counts_are_the_published_ones(self, published):
        assert len(published.ids) == 350
        assert published.problems == []
        foregrounds = Counter(published.split[photo] for photo in published.ids for _ in published.masks[photo])
        assert foregrounds == {"train": 308, "test": 118}
        for name in ("nus", "gehler"):
            for camera in catalog.read_source(name).cameras:
                photos = [photo for photo in published.ids if photo.startswith(camera.ids.partition("\\")[0])]
                assert len(photos) == camera.published, camera.name

    def test_all_nus_masks_but_one_settle_the_crop(self, facts, mask_shapes):
        """By another project's fractions of the chart, since the photos are not here; one photo lies in its frame."""
        unplaced, turned = [], []
        for photo in sorted({photo for photo, _ in mask_shapes}):
            known = catalog.read_source("nus").identify(photo)
            if known is None:
                continue
            size, mask_shape = known[1].rendered_size, mask_shapes[photo, "a"]
            shapes = [size[::-1], size]
            if not any(_fits(_box(facts[photo]["polygon"], shape), shape, mask_shape) for shape in shapes):
                turns = quarter_turns(_box(facts[photo]["polygon"], shapes[0]), shapes[0])
                placed = any(_fits(box, shapes[1], mask_shape) for box in turns)
                (turned if placed else unplaced).append(f"{photo}_a")
        assert turned == ["Canon1DsMkIII_0151_a"]
        assert unplaced == ["FujifilmXM1_0025_a"]

    def test_two_jpg_pixels_a_png_pixel_give_87_nus_crops_to_the_pixel(self, facts, mask_shapes):
        """The charts of the others were found some other way; none of the X-M1's, whose JPGs are not at full size."""
        exact = Counter()
        for photo in {photo for photo, _ in mask_shapes}:
            if known := catalog.read_source("nus").identify(photo):
                exact[known[1].name] += _is_exact(facts[photo]["polygon"], known[1], mask_shapes[photo, "a"])
        assert exact == {
            "Canon1DsMkIII": 31,
            "Canon600D": 5,
            "FujifilmXM1": 0,
            "NikonD40": 2,
            "NikonD5200": 10,
            "OlympusEPL6": 10,
            "PanasonicGX1": 3,
            "SamsungNX2000": 12,
            "SonyA57": 14,
        }

    def test_photo_0005_brings_its_published_crop(self, shared_data, published):
        found = sources.find(["nus"], shared_data, shared_data / "ccharmony_release")
        (photo,) = found.photos
        assert photo.id == "Canon1DsMkIII_0005"
        assert photo.split == "train"
        assert crop.largest_without(photo.chart.box, (2808, 1872)) == (0, 0, 1143, 2808)
        mask = pixels.read_mask(photo.masks["a"])
        fitted, note = mask_rules.fit_size(mask, (2808, 1143))
        assert note == "mask of 2286x5616 resized to 1143x2808"
        assert fitted.mean() == pytest.approx(mask.mean(), abs=1e-3)
        assert photo.patches is published.patches[photo.id] or (photo.patches == published.patches[photo.id]).all()

    def test_the_published_patches_are_those_of_the_picture(self, shared_data):
        """The rendering here is not the camera's, so only an affine map of the published colors can agree."""
        (photo,) = sources.find(["nus"], shared_data, shared_data / "ccharmony_release").photos
        (plain,) = [row for row in sources.find(["nus"], shared_data).photos if row.id == photo.id]
        read = find_checker(reading.read_photo(plain), box=plain.chart.box).patches
        assert affine_residual(read.colors, photo.patches) < 8


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_raw_file_in_a_folder_is_read_upright(shared_data, tmp_path, orientation):
    """The DNG's orientation is a number in its first directory; 6 asks for a quarter turn."""
    data = bytearray((shared_data / "fixtures" / "raw" / "colorchart.dng").read_bytes())
    (start,) = struct.unpack("<I", data[4:8])
    (count,) = struct.unpack("<H", data[start : start + 2])
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack("<H", data[entry : entry + 2]) == (274,):
            data[entry + 8 : entry + 10] = struct.pack("<H", orientation)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "chart.DNG").write_bytes(data)
    (photo,) = sources.find(["folder"], tmp_path).photos
    shape = (1156, 1734) if orientation == 1 else (1734, 1156)
    assert sources.reading.read_size(photo) == shape
    assert reading.read_photo(photo).shape == (*shape, 3)


def test_the_collection_without_checkers_is_read_with_its_splits(shared_data):
    found = sources.find(["photos"], shared_data)
    assert found.problems == []
    assert found.summary == ["photos: 2951 photos without a checker, 2951 with masks"]
    assert Counter(photo.split for photo in found.photos) == {"train": 2604, "test": 347}
    photo = found.photos[0]
    assert photo.group
    mask = pixels.read_mask(photo.masks["a"], shape=reading.read_photo(photo).shape[:2])
    assert mask.mean() == pytest.approx(0.2385, abs=1e-3)  # index.csv says so of ccp_0001


def _box(polygon, shape):
    """The chart's box in a photo of `shape`, given as fractions."""
    height, width = shape
    return (*(np.min(polygon, axis=0) * (width, height)), *(np.max(polygon, axis=0) * (width, height)))


def _fits(box, shape, mask_shape):
    return enrich.published_box(box, shape, mask_shape, max(shape)) is not None


def _is_exact(polygon, camera, mask_shape):
    """Tell whether the chart's box leaves a part of the mask's size on some side, in a photo that lies or stands."""
    shapes = [(camera.rendered_size[::-1], camera.linear_size), (camera.rendered_size, camera.linear_size[::-1])]
    for shape, linear in shapes:
        box = tuple(camera.rendered_scale * edge for edge in _box(polygon, linear[::-1]))
        parts = crop.parts_without(box, shape)
        if mask_shape in {(y1 - y0, x1 - x0) for x0, y0, x1, y1 in parts.values()}:
            return True
    return False
