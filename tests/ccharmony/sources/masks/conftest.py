"""Masks that a source finds in JSON files beside a photo."""

import json

import pytest

from ccharmony.images import pixels
from ccharmony.sources.folder import find_folder


@pytest.fixture
def find(disk):
    """Return a function that writes JSON files beside a photo of 90x60, one.jpg, and finds what they hold."""

    def write_and_find(**files):
        disk.picture("photos/one.jpg", 60, 90)
        for name, content in files.items():
            disk.write(f"masks/{name}.json", content if isinstance(content, str) else json.dumps(content))
        found = find_folder(disk.root)
        return found.photos[0].masks, found.lines

    return write_and_find


@pytest.fixture
def read(disk):
    """Return a function that writes photos and JSON files, and returns masks by photo, lines, and notes."""

    def write_and_find(contents, photos=("one",), orientation=None, size=(60, 90)):
        for photo in photos:
            disk.picture(f"photos/{photo}.jpg", *size, orientation)
        for name, content in contents.items():
            disk.write(f"{name}.json", json.dumps(content))
        found = find_folder(disk.root)
        masks = {
            photo.id: {key: pixels.read_mask(mask) > 0.5 for key, mask in photo.masks.items()} for photo in found.photos
        }
        return masks, found.lines, found.summary[1:]

    return write_and_find
