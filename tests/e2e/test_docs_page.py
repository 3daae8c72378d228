"""The documentation page works in a real browser, under its own content security policy."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.server import running_server

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (apt-get install chromium)")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=8000",
    "--dump-dom",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory):
    with running_server(tmp_path_factory.mktemp("docs") / "data") as server:
        yield server.base_url


def open_page(url: str, profile: Path) -> "subprocess.CompletedProcess[str]":
    """The page after its scripts ran, and what the browser said meanwhile."""
    return subprocess.run(
        [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", url],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def paths_in(dom: str) -> set[str]:
    """The paths of the operations that Swagger UI rendered."""
    return {path.replace("\u200b", "") for path in re.findall(r'data-path="([^"]+)"', dom)}


@pytest.mark.parametrize(
    ("query", "operations"),
    [
        ("", {"POST": "/api/openapi/bika/v1/spaces/{space_id}/attachments", "GET": "/files/{path}"}),
        (
            "?api=" + quote("Pika's API"),
            {"POST": "/wp-json/pika/v1/upload/{door}", "GET": "/wp-json/pika/v1/auth/me"},
        ),
        (
            "?api=" + quote("https://elsewhere.example/openapi.json"),
            {"POST": "/api/openapi/bika/v1/spaces/{space_id}/attachments"},
        ),
    ],
    ids=["the first document", "the other document", "no address is taken from outside"],
)
def test_the_page_shows_the_operations(site: str, tmp_path: Path, query: str, operations: Mapping[str, str]):
    """The operations are rendered, and the browser had nothing to refuse."""
    shown = open_page(f"{site}/docs{query}", tmp_path)
    assert set(operations.values()) <= paths_in(shown.stdout)
    for method in operations:
        assert f'<span class="opblock-summary-method">{method}</span>' in shown.stdout
    assert 'role="alert"' not in shown.stdout
    assert "Content Security Policy" not in shown.stderr
    assert "Uncaught" not in shown.stderr
