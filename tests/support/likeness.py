"""How alike two pictures look: SSIM (Wang et al., 2004) of brightness, its usual constants, a Gaussian window."""

import pyvips

_SIGMA = 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim(one: bytes, other: bytes) -> float:
    """1 for the same picture; from 0.95 on, few people see a difference side by side."""
    x, y = (_brightness(data) for data in (one, other))
    if (x.width, x.height) != (y.width, y.height):
        raise ValueError((x.width, x.height, y.width, y.height))
    mean_x, mean_y = _blurred(x), _blurred(y)
    variance_x, variance_y = _blurred(x * x) - mean_x * mean_x, _blurred(y * y) - mean_y * mean_y
    covariance = _blurred(x * y) - mean_x * mean_y
    likeness = ((mean_x * mean_y * 2 + _C1) * (covariance * 2 + _C2)) / (
        (mean_x * mean_x + mean_y * mean_y + _C1) * (variance_x + variance_y + _C2)
    )
    return float(likeness.avg())


def _brightness(data: bytes) -> pyvips.Image:
    image = pyvips.Image.new_from_buffer(data, "").autorot().colourspace("b-w")
    return (image.flatten() if image.hasalpha() else image).cast("double")


def _blurred(image: pyvips.Image) -> pyvips.Image:
    return image.gaussblur(_SIGMA, precision="float")
