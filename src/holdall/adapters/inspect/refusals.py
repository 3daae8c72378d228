"""How an inspector, inside the child, says that a file is not what it claims to be."""


class Corrupt(Exception):  # noqa: N818 - a verdict on a file, not an error of ours
    """The file does not hold, all through, what its type promises; the argument says where it breaks."""


class ImageOverLimit(Exception):  # noqa: N818 - as above
    """The header announces more pixels or frames than the limits allow."""
