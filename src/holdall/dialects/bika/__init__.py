"""Bika.ai's OpenAPI."""
