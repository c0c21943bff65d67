"""The Python API: which names the packages export, and that importing them costs nothing."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

ERRORS = {
    "CcharmonyError", "CheckerError", "FitError", "ImageError", "ManifestError", "OutputError", "SettingsError",
    "SourceError", "StudyError", "TrainingError", "WeightsError",
}  # fmt: skip
EXPORTS = {
    "ccharmony": ERRORS
    | {
        "BuildSettings", "FitRecord", "Pair", "PairSettings", "Photo", "Picture", "apply_polynomial", "build_dataset",
        "find_checker", "find_pairs", "fit_polynomial", "merge_datasets", "pack_dataset", "read_fits", "read_image",
        "read_manifest", "read_mask", "read_patches", "read_picture", "record_light", "relight", "verify_dataset",
        "write_image", "write_picture",
    },
    "harmonize": {
        "DistillSettings", "GiftNet", "HubNetwork", "LitPhotos", "Network", "NetworkSettings", "PROTOCOLS", "Pih",
        "PihSettings", "Settings", "StoredPairs", "TABLE_3", "TrainSettings", "UNet", "build_network", "compare",
        "evaluate", "find_adjustment", "fmse", "harmonize_file", "harmonize_image", "harmonize_picture",
        "harmonize_video", "list_weights", "load_network", "mse", "psnr", "register_network", "ssim", "train_network",
    },
}  # fmt: skip


@pytest.mark.parametrize("package", EXPORTS)
def test_exported_names_are_these_and_each_can_be_imported(package: str) -> None:
    module = importlib.import_module(package)
    assert set(module.__all__) == EXPORTS[package]
    assert EXPORTS[package] | {"__version__"} <= {*dir(module), *vars(module)}
    for name in EXPORTS[package]:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("package", EXPORTS)
def test_a_name_that_is_not_exported_is_an_attribute_error(package: str) -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = importlib.import_module(package).no_such_name


@pytest.mark.parametrize("package", EXPORTS)
def test_importing_a_package_loads_no_library_that_takes_time(package: str) -> None:
    code = f"import sys, {package}; print(sorted({{'numpy', 'torch', 'cv2', 'h5py', 'click'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_both_packages_have_the_version_of_the_distribution() -> None:
    harmonize, ccharmony = importlib.import_module("harmonize"), importlib.import_module("ccharmony")
    assert harmonize.__version__ == ccharmony.__version__
    assert ccharmony.__version__.count(".") == 2
