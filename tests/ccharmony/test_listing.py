import os

import pytest

from ccharmony.errors import SourceError
from ccharmony.listing import list_files


def listed(folder):
    return [os.path.relpath(path, folder) for path in list_files(folder)]


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_files_come_before_those_of_folders(tmp_path):
    fill(tmp_path, "b/2", "a/1", "c", "Z")
    assert listed(tmp_path) == ["Z", "c", "a/1", "b/2"]


def test_litter_and_hidden_files_are_left_out(tmp_path):
    fill(tmp_path, "one.jpg", "._one.jpg", ".DS_Store", "Thumbs.db", "desktop.ini")
    fill(tmp_path, "__MACOSX/one.jpg", "@eaDir/one.jpg", ".thumbnails/one.jpg")
    assert listed(tmp_path) == ["one.jpg"]


def test_links_to_folders_are_followed_once_and_to_nothing_are_files(tmp_path):
    fill(tmp_path, "data/1", "top/2")
    (tmp_path / "top" / "data").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "above").symlink_to(tmp_path / "top")
    (tmp_path / "top" / "nothing").symlink_to(tmp_path / "absent")
    (tmp_path / "top" / "itself").symlink_to(tmp_path / "top" / "itself")
    assert listed(tmp_path / "top") == ["2", "itself", "nothing", "data/1"]


def test_a_folder_that_is_not_there_cannot_be_listed(tmp_path):
    with pytest.raises(SourceError, match="absent: cannot be listed \\(No such file or directory\\)"):
        listed(tmp_path / "absent")
