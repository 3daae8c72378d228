"""Blob stores: local disk, S3, memory."""
