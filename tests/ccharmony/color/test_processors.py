"""The arithmetic that reaches the bytes of a dataset, on processors of several kinds as BLAS and NumPy tell them apart.

Six kernels of OpenBLAS gave three sets of composites and five digests of all files while matrices were multiplied and
fitted by it.
"""

import os
import signal
import subprocess
import sys

WORK = """
import hashlib
import numpy as np
from ccharmony.checker.chart import STANDARD
from ccharmony.color import polynomial, transfer
from ccharmony.images import camera, rendering

random, found = np.random.default_rng(5), hashlib.sha256()
patches = np.clip(STANDARD * [0.9, 1, 0.7] + random.normal(0, 0.02, (24, 3)), 0, 1)
image = random.integers(0, 256, (90, 200, 3)).astype(np.uint8)
mask = random.random((90, 200)) < 0.8
for kind in polynomial.KINDS:
    there, back = (polynomial.fit_polynomial(*pair, kind) for pair in ((patches, STANDARD), (STANDARD, patches)))
    found.update(there.tobytes() + back.tobytes() + polynomial.apply_polynomial(there, patches).tobytes())
    for arithmetic in ("float", "published"):
        foreground = transfer.standardize(image, mask, there, arithmetic)
        found.update(foreground.standard.tobytes())
        for relit in transfer.relight_each(foreground, [back, back * 0.9, there]):
            found.update(relit.colors.tobytes())
balance, matrix = camera.daylight_constants(np.eye(3) + 0.1 * random.random((3, 3)))
made = camera.Rendering(64, 4095, balance=balance, camera_matrix=matrix)
found.update(repr((balance, matrix)).encode())
found.update(rendering.render_linear(random.integers(0, 4096, (90, 200, 3)).astype(np.uint16), made).tobytes())
print(found.hexdigest())
"""


def digest_on(**environment: str) -> str | None:
    """What the work gives on a kind of processor; None where this one lacks its instructions."""
    done = subprocess.run([sys.executable, "-c", WORK], env=os.environ | environment, capture_output=True, text=True)
    if done.returncode == -signal.SIGILL:
        return None
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_processor_gives_the_same_bytes() -> None:
    kernels = [digest_on(OPENBLAS_CORETYPE=kernel) for kernel in ("Prescott", "Sandybridge", "Haswell", "SkylakeX")]
    plain = digest_on(OPENBLAS_CORETYPE="Prescott", NPY_DISABLE_CPU_FEATURES="X86_V4 X86_V3")
    ran = [digest for digest in (*kernels, plain) if digest is not None]
    assert len(ran) >= 3
    assert len(set(ran)) == 1


def test_fit_is_the_one_of_numpys_least_squares() -> None:
    import numpy as np

    from ccharmony.color import polynomial

    random = np.random.default_rng(0)
    source, target = random.random((7, 24, 3)), random.random((7, 24, 3))
    for kind, columns in (("published", list(range(11))), ("affine", [0, 1, 2, 10])):
        found = polynomial.fit_polynomial(source, target, kind)  # type: ignore[arg-type]
        terms = polynomial.expand(source)[..., columns]
        wanted = [np.linalg.lstsq(one, goal)[0].T for one, goal in zip(terms, target, strict=True)]
        np.testing.assert_allclose(found[..., columns], wanted, atol=1e-9)
