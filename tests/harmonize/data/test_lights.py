import itertools
from pathlib import Path
from types import SimpleNamespace

import click.testing
import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from ccharmony.color.polynomial import apply_polynomial
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.errors import ManifestError, SettingsError, SourceError
from ccharmony.images import pixels
from harmonize.commands.make_pairs import command
from harmonize.data import crops as augment
from harmonize.data import lights, photos, relight
from harmonize.data.held_out_pairs import HeldPairs
from harmonize.data.lights import Lights
from harmonize.data.lit_photos import LitPhotos
from harmonize.data.photos import PhotoMemory
from harmonize.data.stored_pairs import StoredPairs
from harmonize.training import data
from harmonize.training.data_paths import DataPaths
from harmonize.training.settings import TrainSettings


@pytest.fixture(scope="module")
def folder(tiny: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("lit")
    tiny.write_photos(root / "photos")
    tiny.write_lights(root / "fits.h5")
    return root


@pytest.fixture(scope="module")
def recorded(folder: Path) -> Lights:
    return lights.read_lights(folder / "fits.h5")


@pytest.fixture(scope="module")
def lit(folder: Path, recorded: Lights) -> LitPhotos:
    memory = photos.read_memory(photos.find_photos(folder / "photos", "train"), side=64)
    return LitPhotos(memory, recorded, seed=4)


def test_only_the_lights_of_the_split_are_lent(recorded: Lights) -> None:
    assert recorded.ids == tuple(f"light_{number}" for number in range(9))
    assert recorded.to_standard.shape == (9, 3, 11)


def test_a_split_without_lights_is_an_error(folder: Path) -> None:
    with pytest.raises(ManifestError, match="no photo of the split 'val' among 12"):
        lights.read_lights(folder / "fits.h5", "val")


def test_batched_relighting_equals_the_polynomial_in_float64(recorded: Lights) -> None:
    colors = np.random.default_rng(0).random((2, 3, 5, 7))
    forward, backward = recorded.to_standard[[1, 2]].double(), recorded.from_standard[[5, 3]].double()
    batched = relight.relight(torch.from_numpy(colors), forward, backward).numpy()
    for row in range(2):
        standard = apply_polynomial(forward[row].numpy(), np.moveaxis(colors[row], 0, -1))
        single = apply_polynomial(backward[row].numpy(), standard)
        np.testing.assert_allclose(np.moveaxis(batched[row], 0, -1), single, atol=1e-12)


def test_the_terms_are_in_the_published_order() -> None:
    terms = relight.expand(torch.tensor([2.0, 3.0, 5.0])[None, :, None])
    assert terms[0, :, 0].tolist() == [2, 3, 5, 6, 10, 15, 4, 9, 25, 30, 1]


def test_the_nearest_light_is_the_one_with_the_nearest_mean_patch(recorded: Lights) -> None:
    rows = lights.nearest(recorded, recorded.means + 1e-4, count=3)
    assert rows[:, 0].tolist() == list(range(9))
    assert rows.shape == (9, 3)


def test_held_out_lights_depend_on_their_ids_alone(recorded: Lights) -> None:
    train, held = lights.hold_out(recorded, 3)
    again, also_held = lights.hold_out(recorded.select([8, 3, 5, 1, 0, 2, 4, 6, 7]), 3)
    assert set(held.ids) == set(also_held.ids)
    assert set(train.ids) | set(held.ids) == set(recorded.ids)
    assert not set(train.ids) & set(held.ids)
    assert set(again.ids) == set(train.ids)


@pytest.mark.parametrize("count", [0, 1, 8, 50])
def test_holding_out_too_many_lights_is_refused(recorded: Lights, count: int) -> None:
    with pytest.raises(SettingsError, match=r"lights held out \(data\.held_lights\) of 9, wanted 2 to 7"):
        lights.hold_out(recorded, count)


def test_clipping_and_change_are_measured_on_the_foreground() -> None:
    photo = torch.full((1, 3, 2, 2), 0.5)
    changed = photo.clone()
    changed[0, 0, 0, 0] = 1.4  # clipped to 1: a change of 0.5 in one of three channels
    changed[0, :, 1, 1] = -3.0  # background
    mask = torch.tensor([[1.0, 1.0], [0.0, 0.0]])[None, None]
    clipped, change = relight.measure_change(photo, changed, mask)
    assert clipped.item() == 0.5
    assert change.item() == pytest.approx(0.5 / 3 / 2)
    assert not relight.acceptable(clipped, change).item()


def test_an_empty_foreground_neither_clips_nor_changes() -> None:
    photo = torch.rand(2, 3, 4, 4)
    clipped, change = relight.measure_change(photo, photo + 5, torch.zeros(2, 1, 4, 4))
    assert clipped.tolist() == change.tolist() == [0, 0]


def test_pasting_leaves_the_background_to_the_bit() -> None:
    photo = torch.rand(1, 3, 8, 8)
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    pasted = relight.paste(photo, photo * 1.7 - 0.2, mask)
    assert torch.equal(pasted[..., 4:], photo[..., 4:])
    levels = pasted[..., :4] * 255
    assert float((levels - levels.round()).abs().max()) < 1e-4
    assert 0 <= float(pasted.min()) <= float(pasted.max()) <= 1


def test_crops_on_the_device_equal_opencvs(folder: Path) -> None:
    found = photos.find_photos(folder / "photos", "train")[:2]
    memory = photos.read_memory(found, side=64)
    crops = [augment.Crop(3, 5, 30, 34, flip=True), augment.Crop(0, 2, 36, 44)]
    cut, masks = memory.cut([0, 1], crops, 32)
    for row, (paths, crop) in enumerate(zip(found, crops, strict=True)):
        image, mask = photos.read_photo(paths)
        part = image[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width].astype(np.float32)
        wanted = cv2.resize(part, (32, 32), interpolation=cv2.INTER_LINEAR)
        wanted = wanted[:, ::-1] if crop.flip else wanted
        # OpenCV weighs in float32; a value beside .5 may round to the other level.
        assert np.abs(cut[row].numpy().transpose(1, 2, 0) * 255 - wanted).max() < 0.51
        soft = augment.cut(mask.astype(np.float32), crop, 32)
        assert np.abs(masks[row, 0].numpy() * 255 - soft).max() < 1e-3


def test_memory_holds_photos_of_any_shape_and_shrinks_large_ones(folder: Path) -> None:
    memory = photos.read_memory(photos.find_photos(folder / "photos", "train"), side=20)
    assert sorted(set(map(tuple, memory.shapes.tolist()))) == [(20, 28), (24, 20)]
    assert photos.side_for(128) == 182


def test_a_lit_batch_is_the_same_in_any_company(lit: LitPhotos) -> None:
    together, alone = lit.batch(3, [5, 1, 8], 32), lit.batch(3, [1], 32)
    assert torch.equal(together.composite[1:2], alone.composite)
    assert torch.equal(together.real[1:2], alone.real)
    assert together.names == ("f_5", "f_1", "f_8")


def test_a_photo_meets_another_light_each_epoch(lit: LitPhotos) -> None:
    changes = [(b.composite - b.real).mean(dim=(0, 2, 3)) for b in (lit.batch(epoch, [2], 32) for epoch in range(4))]
    assert all((one - other).abs().max() > 1e-3 for one, other in itertools.pairwise(changes))


def test_a_lit_foreground_changes_and_its_background_does_not(lit: LitPhotos) -> None:
    batch = lit.batch(0, range(12), 32)
    difference = (batch.composite - batch.real).abs().amax(dim=1, keepdim=True)
    assert float(difference[batch.mask == 0].max()) == 0
    assert float(difference[batch.mask == 1].mean()) > relight.LEAST_CHANGE


def test_lights_that_cannot_be_used_leave_the_photo_and_are_counted(lit: LitPhotos) -> None:
    useless = lit.lights.select(range(len(lit.lights)))
    useless.from_standard[:] = 0  # everything black: nothing clips, but then make it clip
    useless.from_standard[:, :, 10] = 3
    source = LitPhotos(lit.memory, useless, seed=4)
    batch = source.batch(0, [0, 1], 32)
    assert torch.equal(batch.composite, batch.real)
    assert source.counts.shares() == (4.0, 1.0)


def test_some_photos_are_lit_as_a_whole_and_the_others_as_without(lit: LitPhotos) -> None:
    rows = list(range(len(lit)))
    plain = lit.batch(1, rows, 32)
    relit = LitPhotos(lit.memory, lit.lights, seed=4, relit=0.5).batch(1, rows, 32)
    changed = [not torch.equal(before, after) for before, after in zip(plain.real, relit.real, strict=True)]
    assert any(changed)
    assert not all(changed)
    outside = (relit.mask == 0).expand_as(relit.real)
    torch.testing.assert_close(relit.composite[outside], relit.real[outside], rtol=0, atol=0)
    for row in (row for row in rows if not changed[row]):
        assert torch.equal(relit.composite[row], plain.composite[row])


def test_a_photo_lit_as_a_whole_keeps_its_foreground_of_another_light(lit: LitPhotos) -> None:
    rows = list(range(len(lit)))
    plain, relit = (LitPhotos(lit.memory, lit.lights, seed=4, relit=share).batch(1, rows, 32) for share in (0, 1))
    inside = (plain.mask == 1).expand_as(plain.real)
    torch.testing.assert_close(relit.composite[inside], plain.composite[inside], rtol=0, atol=0)


def test_mixed_lights_lie_between_two_recorded_ones_and_others_stay_as_they_were(lit: LitPhotos) -> None:
    half = LitPhotos(lit.memory, lit.lights, seed=4, mixed=0.5)
    choices = [half._choose_randomly(2, index, 32) for index in range(12)]
    plain = [lit._choose_randomly(2, index, 32) for index in range(12)]
    offered, recorded = half._candidates(choices).double(), lit.lights.from_standard.double()
    shares = np.array([choice.share for choice in choices])
    assert 0.2 < (shares > 0).mean() < 0.8
    for row, (choice, same) in enumerate(zip(choices, plain, strict=True)):
        assert (choice.crop, choice.own, choice.donors.tolist()) == (same.crop, same.own, same.donors.tolist())
        for column, share in enumerate(choice.share.tolist()):
            mixture = (1 - share) * recorded[choice.donors[column]] + share * recorded[choice.other[column]]
            torch.testing.assert_close(offered[row, column], mixture, rtol=0, atol=1e-5)
    assert torch.equal(lit._candidates(plain), lit.lights.from_standard[np.array([choice.donors for choice in plain])])


def test_mixed_lights_change_foregrounds_alone(lit: LitPhotos) -> None:
    rows = list(range(len(lit)))
    plain, mixed = lit.batch(1, rows, 32), LitPhotos(lit.memory, lit.lights, seed=4, mixed=1).batch(1, rows, 32)
    assert torch.equal(plain.real, mixed.real)
    outside = (plain.mask == 0).expand_as(plain.real)
    assert torch.equal(plain.composite[outside], mixed.composite[outside])
    assert not torch.equal(plain.composite, mixed.composite)


def test_lights_that_would_clip_leave_a_photo_as_it_is(lit: LitPhotos) -> None:
    burnt = Lights(lit.lights.ids, lit.lights.means, lit.lights.to_standard, lit.lights.from_standard + 9)
    batch = LitPhotos(lit.memory, burnt, seed=4, relit=1).batch(1, [0], 32)
    assert torch.equal(batch.real, lit.batch(1, [0], 32).real)


def test_held_pairs_never_change_and_use_held_lights_only(folder: Path, recorded: Lights) -> None:
    _, held = lights.hold_out(recorded, 4)
    found = photos.find_photos(folder / "photos", "val")
    one, other = HeldPairs(found, held), HeldPairs(found, held.select([3, 1, 0, 2]), threads=1)
    assert [pair.name for pair in one.pairs] == [f"f_{number}_a_1" for number in range(12, 16)]
    for pair, same in zip(one.pairs, other.pairs, strict=True):
        assert np.array_equal(pair.composite, same.composite)
        assert np.array_equal(pair.composite[pair.mask == 0], pair.real[pair.mask == 0])


def test_written_held_pairs_read_back_as_the_same_batches(folder: Path, recorded: Lights, tmp_path: Path) -> None:
    held = HeldPairs(photos.find_photos(folder / "photos", "val"), recorded, each=2)
    held.write(tmp_path / "held")
    stored = StoredPairs(find_pairs(tmp_path / "held", "test")[0])
    one, other = held.batch(0, range(len(held)), 32), stored.batch(0, range(len(held)), 32)
    assert len(held) == len(stored) == 8
    assert torch.equal(one.composite, other.composite)
    assert torch.equal(one.real, other.real)
    assert torch.equal(one.mask, other.mask)


def test_the_pairs_that_validate_a_run_can_be_written(folder: Path, tmp_path: Path) -> None:
    words = f"--photos {folder / 'photos'} --lights {folder / 'fits.h5'} --out {tmp_path / 'held'} --held-lights 3"
    done = click.testing.CliRunner().invoke(command, words.split(), catch_exceptions=False)
    assert done.output.strip().endswith("held: 4 pairs of 4 photos under 3 lights")
    pairs, problems = find_pairs(tmp_path / "held", "test")
    assert [pair.name for pair in pairs] == [f"f_{number}_a_1.png" for number in range(12, 16)]
    assert not problems


def test_an_index_that_names_an_absent_photo_is_refused(tiny: SimpleNamespace, tmp_path: Path) -> None:
    root = tiny.write_photos(tmp_path / "photos", train=2, val=1)
    (root / "masks" / "f_1.png").unlink()
    with pytest.raises(ManifestError, match="names f_1, which is not in"):
        photos.find_photos(root, "train")


def test_a_photo_may_be_without_a_mask_where_that_is_wanted(tiny: SimpleNamespace, tmp_path: Path) -> None:
    root = tiny.write_photos(tmp_path / "photos", train=2, val=1)
    (root / "masks" / "f_1.png").unlink()
    found = photos.find_photos(root, "train", maskless=True)
    assert [paths.mask is None for paths in found] == [False, True]
    image, mask = photos.read_photo(found[1], 40)
    assert min(image.shape[:2]) == 40
    assert mask.shape == image.shape[:2]
    assert not mask.any()


@pytest.mark.parametrize("name", ["f_1.tif", "f_1.PNG", "f_1_a.webp"])
def test_masks_of_training_photos_may_have_any_format(tiny: SimpleNamespace, tmp_path: Path, name: str) -> None:
    root = tiny.write_photos(tmp_path / "photos", train=2, val=1)
    before = photos.read_photo(photos.find_photos(root, "train")[1])
    png = root / "masks" / "f_1.png"
    levels = np.asarray(Image.open(png).convert("L"))
    shape = Image.fromarray(np.dstack([np.full((*levels.shape, 3), 255, np.uint8), levels]))  # white, shape in alpha
    shape.save(png.with_name(name), **({"lossless": True, "exact": True} if name.endswith("webp") else {}))
    png.unlink()
    found = photos.find_photos(root, "train")[1]
    assert found.mask.name == name
    assert np.array_equal(photos.read_photo(found)[1], before[1])


def test_a_folder_without_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"index\.csv: cannot be read"):
        photos.find_photos(tmp_path, "train")


def test_an_index_without_the_split_is_refused(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"photos: no photo of the split 'test'$"):
        photos.find_photos(folder / "photos", "test")


def test_validation_lights_that_suit_no_photo_are_an_error(
    folder: Path, recorded: Lights, monkeypatch: pytest.MonkeyPatch
) -> None:
    burnt = Lights(recorded.ids, recorded.means, recorded.to_standard, recorded.from_standard + 9)
    monkeypatch.setattr(lights, "read_lights", lambda _: burnt)
    paths = DataPaths(photos=(folder / "photos",), lights=folder / "fits.h5", held_lights=3)
    with pytest.raises(SourceError, match="none of the 4 photos of the split val has a suitable donor light"):
        data.open_data(paths, TrainSettings(size=32), torch.device("cpu"))


def test_photos_keep_their_colors_in_memory() -> None:
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    memory = PhotoMemory([image], [np.full((4, 6), 255, np.uint8)], ["a"])
    cut, mask = memory.cut([0], [augment.whole(4, 4)], 4)
    assert np.array_equal((cut[0] * 255).round().numpy().transpose(1, 2, 0), image[:4, :4])
    assert float(mask.min()) == 1
    assert memory.means[0].tolist() == pytest.approx((image.mean(axis=(0, 1)) / 255).tolist())


def test_the_releases_lights_suit_nearly_every_photo(shared_data: Path, recorded: Lights) -> None:
    found = photos.find_photos(shared_data / "photos", "train")[:24]
    lit = LitPhotos(photos.read_memory(found, side=64), recorded, seed=0)
    batch = lit.batch(0, range(24), 32)
    assert pixels.read_image(found[0].image).shape[2] == 3
    assert lit.counts.shares()[1] < 0.25
    assert float((batch.composite - batch.real).abs().mean()) > 0
