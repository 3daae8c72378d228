"""The service that most would write: FastAPI, ``UploadFile``, Pillow, sqlite3; no checks beyond decoding.

It stores what it is sent under random names in the current folder, and syncs nothing but the database.
"""

import hashlib
import io
import secrets
import sqlite3
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, FastAPI, Form, UploadFile
from PIL import Image

THUMBNAIL = (256, 256)

app = FastAPI()
database = sqlite3.connect("plain.sqlite3", check_same_thread=False, isolation_level=None)
database.execute("CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY, file TEXT)")


@app.get("/healthz")
def healthz() -> dict[str, str]:
    database.execute("SELECT 1")
    return {"status": "ok"}


@app.post("/images")
def create_image(file: UploadFile, entityType: Annotated[str, Form()] = "") -> dict[str, Any]:  # noqa: N803  its wire
    data = file.file.read()
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        thumbnail = io.BytesIO()
        image.thumbnail(THUMBNAIL)
        image.convert("RGB").save(thumbnail, "JPEG", quality=80)
    name = keep(data, ".jpg")
    Path(name).with_suffix(".thumb.jpg").write_bytes(thumbnail.getvalue())
    return described(name, data) | {"entity": entityType}


@app.post("/documents")
def create_document(file: UploadFile) -> dict[str, Any]:
    data = file.file.read()
    data.decode()
    return described(keep(data, ".txt"), data)


@app.patch("/records/{id}")
def attach(id: str, file: Annotated[str, Body(embed=True)]) -> dict[str, Any]:
    database.execute("INSERT OR REPLACE INTO records VALUES (?, ?)", (id, file))
    return {"id": id, "file": file}


def keep(data: bytes, suffix: str) -> str:
    name = secrets.token_hex(16) + suffix
    Path(name).write_bytes(data)
    return name


def described(name: str, data: bytes) -> dict[str, Any]:
    return {"id": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
