"""The engines that are made to fail here."""

from tests.support.seaweed import seaweed

__all__ = ["seaweed"]
