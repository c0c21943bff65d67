"""Masks as programs write them, written by Pillow; the square that all of them hold is known by its place."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from ccharmony.errors import ImageError
from ccharmony.images import mask_files, mask_rules, pixels

SHAPE = (40, 60)
SQUARE = np.zeros(SHAPE, bool)
SQUARE[10:30, 20:50] = True
FULL = np.uint8(255) * SQUARE


def voc_colors(n):
    """The first colors of PASCAL VOC's palette, by its rule: bits of the index dealt to the channels."""
    table = np.zeros((n, 3), np.uint8)
    for index in range(n):
        rest = index
        for bit in range(7, -1, -1):
            for channel in range(3):
                table[index, channel] |= (rest >> channel & 1) << bit
            rest >>= 3
    return table


def palette(indices, table):
    image = Image.fromarray(indices.astype(np.uint8), "P")
    image.putpalette(np.asarray(table, np.uint8).tobytes())
    return image


def rgba(colors, alpha):
    return Image.fromarray(np.dstack([np.broadcast_to(np.asarray(colors, np.uint8), (*SHAPE, 3)), alpha]))


def colored_edge():
    """White on black whose first column of edge pixels is 52 levels off gray, as ClearType leaves it."""
    colors = np.dstack([FULL] * 3)
    colors[10:30, 20] = (180, 128, 150)
    return Image.fromarray(colors)


def alpha_frame(alpha):
    frame = np.full(SHAPE, 255, np.uint8)
    frame[[0, -1]] = frame[:, [0, -1]] = alpha
    return frame


NAN = np.where(SQUARE, np.nan, 0).astype(np.float32)
MASKS = {
    "gray": Image.fromarray(FULL),
    "gray in three channels": Image.fromarray(np.dstack([FULL] * 3)),
    "one bit": Image.fromarray(SQUARE),
    "zeros and ones": Image.fromarray(SQUARE.astype(np.uint8)),
    "level 200": Image.fromarray(200 * SQUARE.astype(np.uint8)),
    "16 bits, 0 and 1": Image.fromarray(SQUARE.astype(np.uint16)),
    "16 bits, 0 and 255": Image.fromarray(255 * SQUARE.astype(np.uint16)),
    "16 bits, 0 and 65535": Image.fromarray(65535 * SQUARE.astype(np.uint16)),
    "black in alpha": rgba((0, 0, 0), FULL),
    "white in alpha": rgba((255, 255, 255), FULL),
    "red in alpha": rgba((200, 30, 30), FULL),
    "white on transparent black": rgba(np.dstack([FULL] * 3), FULL),
    "opaque with alpha": rgba(np.dstack([FULL] * 3), np.full(SHAPE, 255, np.uint8)),
    "frame of alpha 238": rgba(np.dstack([FULL] * 3), alpha_frame(238)),
    "frame of alpha 60": rgba(np.dstack([FULL] * 3), alpha_frame(60)),
    "gray with alpha": Image.fromarray(np.dstack([np.full(SHAPE, 255, np.uint8), FULL]), "LA"),
    "cut-out of a photo": rgba(np.random.default_rng(1).integers(0, 256, (*SHAPE, 3)), FULL),
    "palette 0 and 1, VOC": palette(SQUARE, voc_colors(256)),
    "palette black and white": palette(SQUARE, [[0, 0, 0], [255, 255, 255]]),
    "palette white and black": palette(~SQUARE, [[255, 255, 255], [0, 0, 0]]),
    "palette of all grays, 0 and 1": palette(SQUARE, np.repeat(np.arange(256)[:, None], 3, axis=1)),
    "colored edge": colored_edge(),
    "red on black": Image.fromarray(SQUARE[..., None] * np.array([128, 0, 0], np.uint8)),
}


def write(tmp_path, image, suffix=".png", **options):
    path = tmp_path / f"mask{suffix}"
    image.save(path, **options)
    return path


@pytest.mark.parametrize("name", MASKS)
def test_the_square_is_found_however_it_is_written(tmp_path, name):
    mask = pixels.read_mask(write(tmp_path, MASKS[name]), shape=SHAPE)
    np.testing.assert_array_equal(mask >= 0.5, SQUARE)


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp", ".bmp", ".gif", ".TIFF"])
def test_every_format_holds_a_mask(tmp_path, suffix):
    mask = pixels.read_mask(write(tmp_path, MASKS["gray"], suffix), shape=SHAPE)
    np.testing.assert_array_equal(mask >= 0.5, SQUARE)


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_floats_in_a_tiff_are_a_mask(tmp_path, scale):
    soft = np.where(SQUARE, np.float32(0.75 * scale), np.float32(0)).astype(np.float32)
    mask = pixels.read_mask(write(tmp_path, Image.fromarray(soft), ".tif"))
    assert (mask > 0).tolist() == SQUARE.tolist()


@pytest.mark.parametrize("kind", ["float16", "float64", "int8", "int16", "int32", "uint32", "int64"])
def test_a_tiff_of_any_kind_of_numbers_is_a_mask(tmp_path, kind):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, SQUARE.astype(kind), compression="zlib")
    np.testing.assert_array_equal(pixels.read_mask(path), SQUARE)


@pytest.mark.parametrize("value", [-1, 65536])
def test_whole_numbers_beyond_16_bits_are_no_mask(tmp_path, value):
    tifffile.imwrite(tmp_path / "a.tif", np.where(SQUARE, value, 0).astype(np.int32))
    with pytest.raises(ImageError, match=rf"a\.tif: values .*{value}.*, a mask of int32 has 0 to 1"):
        pixels.read_mask(tmp_path / "a.tif")


def test_floats_that_are_no_numbers_are_refused(tmp_path):
    with pytest.raises(ImageError, match="a mask of float32 has 0 to 1"):
        pixels.read_mask(write(tmp_path, Image.fromarray(NAN), ".tif"))


@pytest.mark.parametrize(("orientation", "turn"), [(3, lambda m: m[::-1, ::-1]), (6, lambda m: np.rot90(m, -1))])
def test_a_mask_is_turned_by_its_own_orientation(tmp_path, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    mask = pixels.read_mask(write(tmp_path, MASKS["gray"], ".jpg", exif=exif))
    np.testing.assert_array_equal(mask >= 0.5, turn(SQUARE))


def label_map():
    """Labels 1 and 2, and a void border of 255 around them."""
    numbers = np.zeros(SHAPE, np.uint8)
    numbers[8:32, 18:52] = 255
    numbers[10:30, 20:35], numbers[10:30, 35:50] = 1, 2
    return numbers


@pytest.mark.parametrize("kind", ["palette", "gray", "16 bits", "colors"])
def test_a_label_map_has_a_foreground_for_each_label_and_none_for_the_void(tmp_path, kind):
    numbers = label_map()
    table = voc_colors(256)
    image = {
        "palette": palette(numbers, table),
        "gray": Image.fromarray(numbers),
        "16 bits": Image.fromarray(np.where(numbers == 255, 0, 1000 * numbers.astype(np.uint16)).astype(np.uint16)),
        "colors": Image.fromarray(table[numbers]),
    }[kind]
    stored = mask_files.read_stored_mask(write(tmp_path, image))
    assert len(stored.labels) == 2
    parts = [stored.foreground(label).hard() for label in stored.labels]
    assert sorted(part.nonzero()[1].min() for part in parts) == [20, 35]
    np.testing.assert_array_equal(stored.mask() >= 0.5, SQUARE)
    assert stored.note == "a label map of 2 labels"


def test_stray_levels_make_no_label_map(tmp_path):
    """A few pixels of level 2, as lossy formats leave them, beside 600 of 255."""
    levels = FULL.copy()
    levels[0, :5] = 2
    stored = mask_files.read_stored_mask(write(tmp_path, Image.fromarray(levels)))
    assert stored.labels == ()
    np.testing.assert_array_equal(stored.hard(), SQUARE)


def test_a_soft_mask_keeps_its_levels(tmp_path):
    soft = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (40, 1))
    mask = pixels.read_mask(write(tmp_path, Image.fromarray(soft)))
    np.testing.assert_allclose(mask, soft / 255, atol=1e-7)


@pytest.mark.parametrize("kind", ["photo", "photo in palette colors"])
def test_a_photo_is_no_mask(tmp_path, kind):
    y, x = np.mgrid[:80, :100]
    photo = Image.fromarray(np.dstack([x * 2, y * 3, (x + y) % 256]).astype(np.uint8))
    photo = photo.quantize(200) if "palette" in kind else photo
    with pytest.raises(ImageError, match="a color picture, a mask needs one channel"):
        pixels.read_mask(write(tmp_path, photo))


def test_what_was_assumed_is_logged(tmp_path, caplog):
    path = write(tmp_path, MASKS["white in alpha"])
    pixels.read_mask(path, shape=(20, 30))
    assert caplog.messages == [f"{path}: the alpha channel is the mask; mask of 60x40 resized to 30x20"]


def test_a_mask_of_swapped_sides_is_refused_with_a_guess(tmp_path):
    path = write(tmp_path, MASKS["gray"])
    with pytest.raises(ImageError, match="its photo is 40x60; wanted that size or a scaled copy; was it drawn"):
        pixels.read_mask(path, shape=(60, 40))


def test_a_mask_that_may_be_inverted_gets_a_remark():
    assert mask_rules.remark(SQUARE) == ""
    assert mask_rules.remark(~SQUARE) == "75 % is foreground, and nearly all of the outermost pixels; is it inverted?"
    assert mask_rules.remark(np.ones(SHAPE)) == "100 % is foreground; is it inverted?"
    assert mask_rules.remark(0.015 * SQUARE) == "1.5 % is its most opaque pixel; a foreground is white"
    assert mask_rules.remark(0 * SQUARE) == ""
    assert mask_rules.remark((200 * ~SQUARE).astype(np.uint8)) == mask_rules.remark(200 / 255 * ~SQUARE)


@pytest.mark.parametrize("name", MASKS)
def test_a_compact_mask_says_the_same_in_one_byte_a_pixel(tmp_path, name):
    path = write(tmp_path, MASKS[name])
    (compact,) = mask_files.read_compact_masks(path, shape=SHAPE)
    np.testing.assert_array_equal(mask_rules.shares(compact), mask_files.read_stored_mask(path).mask())
    assert compact.itemsize == (4 if name in ("level 200", "16 bits, 0 and 65535") else 1)
