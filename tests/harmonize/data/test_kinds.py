"""Samples of every kind: what differs, what does not, and that all of it repeats."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ccharmony.errors import SettingsError
from harmonize.data import lights, photos
from harmonize.data.kind_settings import KindSettings
from harmonize.data.lit_photos import LitPhotos

ALL = KindSettings(
    none=0.2, statistics=0.2, retouch=0.2, ramp=0.2, pasted=0.4, regions=0.4, traced=0.4, hidden=0.5, loose=0.3
)


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory, tiny: SimpleNamespace) -> object:
    """Make samples of sixteen photos with some shares of kinds."""
    root = tmp_path_factory.mktemp("kinds")
    folder, table = tiny.write_photos(root / "photos"), tiny.write_lights(root / "fits.h5")
    memory = photos.read_memory(photos.find_photos(folder, "train"), 64)
    donors = lights.read_lights(table)

    def source(kinds: KindSettings, **shares: object) -> LitPhotos:
        return LitPhotos(memory, donors, 0, kinds=kinds, **shares)  # type: ignore[arg-type]

    return source


def test_the_same_samples_come_in_any_batch(make: object) -> None:
    source = make(ALL, relit=0.3, mixed=0.5)  # type: ignore[operator]
    together = source.batch(2, [0, 1, 2, 3, 4], 64)
    for index in range(5):
        alone = source.batch(2, [index], 64)
        for part in ("composite", "mask", "real"):
            torch.testing.assert_close(getattr(alone, part)[0], getattr(together, part)[index], atol=2e-3, rtol=0)


def test_nothing_to_do_is_a_kind(make: object) -> None:
    batch = make(KindSettings(none=1.0)).batch(0, range(8), 64)  # type: ignore[operator]
    np.testing.assert_array_equal(batch.composite, batch.real)


@pytest.mark.parametrize("kind", ["statistics", "retouch", "ramp"])
def test_a_kind_changes_foregrounds_and_nothing_else(make: object, kind: str) -> None:
    batch = make(KindSettings(**{kind: 1.0})).batch(0, range(8), 64)  # type: ignore[operator]
    differs = (batch.composite != batch.real).any(dim=1)
    assert not bool((differs & (batch.mask[:, 0] == 0)).any())
    assert int(differs.flatten(1).any(dim=1).sum()) >= 5


def test_a_hidden_seam_is_hidden_in_composite_and_real_alike(make: object) -> None:
    """Background is the same in both, so that the network has nothing to undo there, and differs from the open one."""
    hidden = make(KindSettings(none=0.0, hidden=1.0)).batch(0, range(8), 64)  # type: ignore[operator]
    opened = make(KindSettings(none=0.0, hidden=1e-9)).batch(0, range(8), 64)  # type: ignore[operator]
    outside = (hidden.mask == 0).expand_as(hidden.real)
    same = hidden.composite[outside] == hidden.real[outside]
    assert float(same.float().mean()) > 0.99  # a feathered edge reaches a pixel beyond the mask
    changed = (hidden.real != opened.real).any(dim=1).flatten(1).any(dim=1)
    assert int(changed.sum()) >= 5


def test_loose_masks_leave_the_light_at_the_objects_edge(make: object) -> None:
    tight = make(KindSettings(none=1e-9)).batch(0, range(8), 64)  # type: ignore[operator]
    loose = make(KindSettings(none=1e-9, loose=1.0)).batch(0, range(8), 64)  # type: ignore[operator]
    np.testing.assert_array_equal(tight.composite, loose.composite)
    assert int((tight.mask != loose.mask).flatten(1).any(dim=1).sum()) >= 7


def test_a_pasted_foreground_stands_on_another_photo(make: object) -> None:
    """The real picture has it there, too, under its own light: the composite differs in the foreground alone."""
    own = make(KindSettings(none=1.0)).batch(0, range(8), 64)  # type: ignore[operator]
    pasted = make(KindSettings(none=1.0, pasted=1.0)).batch(0, range(8), 64)  # type: ignore[operator]
    np.testing.assert_array_equal(own.mask, pasted.mask)
    inside, outside = (own.mask == 1).expand_as(own.real), (own.mask == 0).expand_as(own.real)
    np.testing.assert_array_equal(own.real[inside], pasted.real[inside])
    assert float((own.real != pasted.real)[outside].float().mean()) > 0.8
    lit = make(KindSettings(pasted=1.0)).batch(0, range(8), 64)  # type: ignore[operator]
    differs = (lit.composite != lit.real).any(dim=1, keepdim=True)
    assert not bool((differs & (lit.mask == 0)).any())
    assert int(differs.flatten(1).any(dim=1).sum()) >= 5


def test_a_pasted_foreground_stands_on_the_photo_that_looks_most_like_its_own(make: object) -> None:
    source = make(KindSettings(pasted=1.0))  # type: ignore[operator]
    source._looks = np.zeros((len(source), 6), np.float32)
    source._looks[:, 0] = np.arange(len(source))
    chosen, _ = source._choose_backdrop(np.random.default_rng(0), 4, (0, 1, 6, 11))
    assert chosen == 6


def test_regions_take_the_place_of_masks_and_serve_photos_that_have_none(make: object) -> None:
    plain = make(KindSettings(none=1e-9)).batch(0, range(8), 64)  # type: ignore[operator]
    regional = make(KindSettings(none=1e-9, regions=1.0)).batch(0, range(8), 64)  # type: ignore[operator]
    assert int((plain.mask != regional.mask).flatten(1).any(dim=1).sum()) == 8
    share = regional.mask.mean((1, 2, 3))
    assert bool(((share > 0.03) & (share < 0.42)).all())
    without = make(KindSettings(regions=1e-9))  # type: ignore[operator]
    without._masked[:] = False
    assert bool((without.batch(0, range(8), 64).mask.mean((1, 2, 3)) > 0.03).all())


def test_traces_are_in_composite_and_real_alike(make: object) -> None:
    plain = make(KindSettings(none=1.0)).batch(0, range(8), 64)  # type: ignore[operator]
    traced = make(KindSettings(none=1.0, traced=1.0)).batch(0, range(8), 64)  # type: ignore[operator]
    np.testing.assert_array_equal(traced.composite, traced.real)
    changed = (traced.real != plain.real).any(dim=1)
    inside = plain.mask[:, 0] == 1
    assert int((changed & inside).flatten(1).any(dim=1).sum()) >= 4
    assert int((changed & ~inside).flatten(1).any(dim=1).sum()) >= 4


def test_kinds_are_at_most_all_samples() -> None:
    with pytest.raises(SettingsError, match=r"kinds: shares of 1\.2 in all"):
        KindSettings(none=0.6, retouch=0.6)


def test_balanced_sources_come_by_the_square_root_of_their_photos(make: object) -> None:
    source = make(KindSettings(), balanced=True)  # type: ignore[operator]
    count = len(source.memory)
    source.memory.sources = ("rare",) + ("frequent",) * (count - 1)
    again = LitPhotos(source.memory, source.lights, 0, balanced=True)
    names = [name for epoch in range(60) for name in again.batch(epoch, range(count), 32).names]
    share = names.count(source.memory.ids[0]) / len(names)
    assert share == pytest.approx(1 / (1 + (count - 1) ** 0.5), abs=0.05)


@pytest.mark.parametrize(("shares", "regional"), [(KindSettings(), 0), (KindSettings(none=0.5), 0), (ALL, 4)])
def test_an_empty_mask_stays_empty_unless_regions_are_asked_for(
    make: object, shares: KindSettings, regional: int
) -> None:
    own = make(KindSettings())  # type: ignore[operator]
    pictures = [own.memory.picture(row)[0] for row in range(4)]
    memory = photos.PhotoMemory(pictures, [np.zeros(picture.shape[:2], np.uint8) for picture in pictures], "abcd")
    batch = LitPhotos(memory, own.lights, 0, kinds=shares).batch(0, range(4), 64)
    assert int(batch.mask.flatten(1).any(dim=1).sum()) == regional


def test_a_sample_without_kinds_is_that_of_shares_near_zero(make: object) -> None:
    plain, chosen = (
        make(shares, relit=0.3, mixed=0.5).batch(1, range(8), 64)  # type: ignore[operator]
        for shares in (KindSettings(), KindSettings(none=1e-9))
    )
    np.testing.assert_array_equal(plain.composite, chosen.composite)
    np.testing.assert_array_equal(plain.real, chosen.real)
