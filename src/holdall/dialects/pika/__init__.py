"""Pika's API."""
