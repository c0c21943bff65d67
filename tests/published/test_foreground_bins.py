import zipfile
from pathlib import Path

import cv2
import numpy as np

from harmonize.evaluation import protocols, report


def test_published_masks_fall_into_the_published_bins(shared_data):
    """ccHarmony's test pairs by foreground share: 380, 530 and 270 of 1,180, ten for each of 118 foregrounds."""
    release = shared_data / "ccharmony_release"
    counts = dict.fromkeys(report.BINS, 0)
    foregrounds = (release / "test_list.txt").read_text().split()
    with zipfile.ZipFile(release / "foreground_masks.zip") as archive:
        members = {Path(name).stem: name for name in archive.namelist() if name.endswith(".png")}
        for name in foregrounds:
            mask = cv2.imdecode(np.frombuffer(archive.read(members[name]), np.uint8), cv2.IMREAD_GRAYSCALE)
            small = protocols.resize_mask(mask / np.float32(255), protocols.find("issam"))
            counts[report.bin_of(float((small > 0.5).mean()), report.BINS)] += 1
    assert counts == {"0-5": 38, "5-15": 53, "15-100": 27}
