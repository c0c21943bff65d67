"""What is installed runs on a bare server."""

import re
import subprocess
import sys
from importlib import metadata

import cv2


def test_opencv_comes_without_a_window_system():
    """Slim containers have no libGL, without which plain opencv-python cannot be imported."""
    wanted = {re.split(r"[ ><=;\[]", line)[0] for line in metadata.requires("ccharmony") or ()}
    assert "opencv-python-headless" in wanted
    assert "opencv-python" not in wanted
    assert re.search(r"GUI:\s+NONE", cv2.getBuildInformation())


def test_no_command_loads_a_graphics_library():
    code = (
        "import cv2, ccharmony.commands.build, harmonize.commands.apply\n"
        "maps = open('/proc/self/maps').read()\n"
        "print([name for name in ('libGL.', 'libX11', 'libQt') if name in maps])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
