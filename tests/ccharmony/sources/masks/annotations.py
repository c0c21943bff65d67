"""Annotations of one photo of 90x60, as LabelMe and COCO write them."""

import numpy as np

from ccharmony.images import pixels

SQUARE = [[10, 10], [30, 10], [30, 20], [10, 20]]
"""20 by 10 pixels."""


def labelme(*shapes, height=60, width=90, name="one.jpg"):
    return {"imagePath": f"..\\photos\\{name}", "imageHeight": height, "imageWidth": width, "shapes": list(shapes)}


def shape(points, kind="polygon", group=None, label="thing"):
    return {"label": label, "points": points, "shape_type": kind, "group_id": group}


def coco(*segmentations, height=60, width=90, name="one.jpg", crowd=0):
    entries = [
        {"id": 7 + n, "image_id": 1, "category_id": 1, "iscrowd": crowd, "segmentation": segmentation}
        for n, segmentation in enumerate(segmentations)
    ]
    images = [{"id": 1, "file_name": name, "height": height, "width": width}]
    return {"images": images, "annotations": entries, "categories": []}


def box_of(mask):
    rows, columns = np.nonzero(pixels.read_mask(mask))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
