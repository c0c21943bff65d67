"""The work of each browser: its files, what they make together, and what networks said of it.

Contents: :class:`Session`, :class:`Sessions`.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from ccharmony.arrays import UInt8
from ccharmony.errors import ImageError
from ccharmony.files import write_bytes
from ccharmony.images import pixels
from ccharmony.images.picture import Picture, read_picture
from harmonize.studio import cutting, looks, scene
from harmonize.studio.cutting import Marks
from harmonize.studio.looks import Found
from harmonize.studio.scene import Cutout, Placement, Scene
from harmonize.studio.uploads import MOST_PIXELS, Role, Upload

MOST_SESSIONS = 8
"""Of one server; where one more begins, the one ends that was not used for the longest time."""

AWAKE = 2
"""Sessions whose pictures stay in memory; those of the others are read from their files again."""


class Session:
    """The pictures of one tab of a browser.

    Attributes
    ----------
    folder
        Where its files lie.
    uploads
        The files, by what they are.
    placement
        Where the cut-out lies, where there is one.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.uploads: dict[Role, Upload] = {}
        self.placement: Placement | None = None
        self.lock = threading.RLock()
        self._photo: Picture | None = None
        self._colors: UInt8 | None = None
        self._cutout: Cutout | None = None
        self._scene: Scene | None = None
        self._found: dict[str, Found] = {}

    def put(self, role: Role, upload: Upload) -> None:
        """Take a file in; raises ImageError, and stays as it was, where it cannot be used.

        A mask takes the place of a cut-out and the other way round; a photo of another size drops the mask.
        """
        with self.lock:
            if role == "photo":
                self._take_photo(upload)
            elif role == "cutout":
                self._cutout = Cutout.read(upload)
                self._replace({"cutout": upload}, gone=("mask",))
                self.placement = None
            else:
                if "photo" in self.uploads:
                    made = self._with_mask(upload)
                else:
                    pixels.read_mask(upload, max_pixels=MOST_PIXELS)  # one that cannot be read is refused at once
                    made = None
                self._replace({"mask": upload}, gone=("cutout",))
                self._scene = made

    def remove(self, role: Role) -> None:
        """Take a file away."""
        with self.lock:
            self._replace({}, gone=(role,))

    def place(self, placement: Placement) -> None:
        """Lay the cut-out somewhere else; raises SettingsError where it would not be on the background."""
        with self.lock:
            made = scene.compose(self.photo(), self.cutout(), placement)
            self._replace({})
            self.placement, self._scene = placement, made

    def cut(self, marks: Marks) -> None:
        """Make the mask by GrabCut; raises SettingsError where nothing is found."""
        with self.lock:
            mask = cutting.cut(self.colors(), marks)
            path = self.folder / secrets.token_hex(8)
            write_bytes(path, pixels.encode_mask(mask))
            self.put("mask", Upload(path, "mask.png"))

    @property
    def is_ready(self) -> bool:
        """Whether there is a composite with a foreground."""
        return "photo" in self.uploads and bool({"mask", "cutout"} & self.uploads.keys())

    def photo(self) -> Picture:
        """Return the composite, or the background, as it was in its file; raises ImageError where there is none."""
        with self.lock:
            if "photo" not in self.uploads:
                raise ImageError("no photo yet, wanted a composite or a background")
            if self._photo is None:
                self._photo = read_picture(self.uploads["photo"], max_pixels=MOST_PIXELS)
            return self._photo

    def colors(self) -> UInt8:
        """Return what a screen shows of the photo, (H, W, 3), sRGB, 8 bits; raises ImageError where there is none."""
        with self.lock:
            if self._colors is None:
                self._colors = self.photo().srgb()
            return self._colors

    def cutout(self) -> Cutout:
        """Return the cut-out; raises ImageError where there is none."""
        with self.lock:
            if "cutout" not in self.uploads:
                raise ImageError("no cut-out yet, wanted a picture with transparency")
            if self._cutout is None:
                self._cutout = Cutout.read(self.uploads["cutout"])
            return self._cutout

    def scene(self) -> Scene:
        """Return composite and mask; raises ImageError where something is missing."""
        with self.lock:
            if self._scene is None and "cutout" in self.uploads:
                photo, cutout = self.photo(), self.cutout()
                self.placement = self.placement or cutout.place(photo.shape)
                self._scene = scene.compose(photo, cutout, self.placement)
            elif self._scene is None and "mask" in self.uploads:
                self._scene = self._with_mask(self.uploads["mask"])
            if self._scene is None:
                raise ImageError("no mask yet, wanted one, or a cut-out with transparency")
            return self._scene

    def found(self, weights: str) -> Found:
        """Return what weights change in the scene; they are asked once a scene."""
        with self.lock:
            if weights not in self._found:
                self._found[weights] = looks.find(weights, self.scene())
            return self._found[weights]

    def describe(self) -> dict[str, Any]:
        """Return what is there as JSON has it; `remark` is what a person should know of the mask."""
        with self.lock:
            made = self.scene() if self.is_ready else None
            photo = self.photo().shape if "photo" in self.uploads else None
            cutout = self.cutout().opacity.shape if "cutout" in self.uploads else None
            return {
                "names": {role: upload.name for role, upload in self.uploads.items()},
                "photo": photo and {"width": photo[1], "height": photo[0]},
                "cutout": cutout and {"width": cutout[1], "height": cutout[0]},
                "placement": self.placement and self.placement.to_dict(),
                "ready": made is not None,
                "remark": made.remark if made else "",
            }

    def sleep(self) -> None:
        """Let go of what can be made again from the files."""
        with self.lock:
            self._photo = self._colors = self._cutout = self._scene = None
            self._found.clear()

    def _take_photo(self, upload: Upload) -> None:
        photo = read_picture(upload, max_pixels=MOST_PIXELS)
        colors, made = photo.srgb(), None
        if "mask" in self.uploads:
            with contextlib.suppress(ImageError):
                made = scene.read_scene(photo, colors, self.uploads["mask"])
        self._replace({"photo": upload}, gone=() if made else ("mask",))
        self._photo, self._colors, self._scene, self.placement = photo, colors, made, None

    def _with_mask(self, mask: Upload) -> Scene:
        return scene.read_scene(self.photo(), self.colors(), mask)

    def _replace(self, new: dict[Role, Upload], gone: tuple[Role, ...] = ()) -> None:
        """Change the files; those that have no more use are removed, and what was made of them is forgotten."""
        for role in (*new, *gone):
            if (old := self.uploads.pop(role, None)) is not None:
                old.path.unlink(missing_ok=True)
        self.uploads.update(new)
        self._scene = None
        self._found.clear()
        if "photo" not in self.uploads:
            self._photo = self._colors = None
        if "cutout" not in self.uploads:
            self._cutout = None


class Sessions:
    """The sessions of a server, in the order of their use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self) -> str:
        """Return the token of a new session, which nobody can guess."""
        token = secrets.token_urlsafe(18)
        with self._lock:
            while len(self._known) >= MOST_SESSIONS:
                shutil.rmtree(self._known.popitem(last=False)[1].folder, ignore_errors=True)
            self._known[token] = Session(self._folder / secrets.token_hex(8))
        return token

    def find(self, token: str) -> Session | None:
        """Return a session, or None where there is none any more; the pictures of others may leave the memory."""
        with self._lock:
            if token not in self._known:
                return None
            self._known.move_to_end(token)
            for resting in list(self._known.values())[:-AWAKE]:
                if resting.lock.acquire(blocking=False):  # one that is at work stays
                    resting.sleep()
                    resting.lock.release()
            return self._known[token]
