"""Pika's JSON: flat objects whose ids and sizes are strings (contract pika, sections 2.3 and 3.3)."""

from typing import Any

from holdall.domain.access import User
from holdall.domain.files import Upload

FILES_PREFIX = "/wp-content/uploads/"


def upload(upload: Upload, site_url: str) -> dict[str, Any]:
    """The upload object. ``type`` is the kind that was declared, not the door it came in by."""
    return {
        "id": str(upload.number),
        "url": f"{site_url}{FILES_PREFIX}{upload.path}",
        "type": upload.purpose.kind,
        "name": upload.name,
        "size": str(upload.blob.size),
        "sha256": upload.blob.sha256,
        "thumbhash": upload.blob.thumbhash,
    }


def user(user: User) -> dict[str, Any]:
    """The signed-in user; here alone the id is a number."""
    return {
        "id": user.number,
        "username": user.login,
        "email": user.email,
        "display_name": user.name,
        "avatar_url": "",
        "settings": {"currency": "INR", "is_api_key_set": False},
    }
