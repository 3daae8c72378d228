"""Holdall takes files in safely and attaches them to records."""

__version__ = "0.1.0"
