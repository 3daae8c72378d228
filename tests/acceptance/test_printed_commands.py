"""The four commands, word for word: as ``make run`` prints them, and as the README has them."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.server import RunningServer, run_command

README = Path(__file__).parents[2] / "README.md"
DOCS = Path(__file__).parents[2] / "docs"
SAMPLES = Path(__file__).parents[2] / "src" / "holdall" / "samples"


def paste(command: str, folder: Path) -> dict[str, Any]:
    """What a newcomer's shell shows."""
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def check_bika(answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        assert (True, 200, "SUCCESS") == (answer["success"], answer["code"], answer["message"])


def check_pika(answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        assert {"id", "url", "type", "name", "size"} <= set(answer)
        assert answer["type"] == "image"


def test_the_printed_commands_work(server: RunningServer, tmp_path: Path):
    """Pasted into a shell, from any folder."""
    commands = [block for block in run_command(server.env, "demo").split("\n\n") if "curl " in block]

    answers = [paste(command, tmp_path) for command in commands]

    assert len(answers) == 4
    check_bika(answers[:2])
    check_pika(answers[2:])
    cells = answers[1]["data"]["cells"].values()
    assert [cell["data"][0]["name"] for cell in cells if cell["name"] == "Images"] == ["example.png"]


def test_the_printed_passwords_work(server: RunningServer):
    """At the printed address, for each of the two people."""
    printed = run_command(server.env, "demo")
    [page] = re.findall(r"sign in at (\S+)", printed)
    people = re.findall(r"login (\w+), password (\w+)", printed)

    answers = [
        httpx.post(page, data={"user_login": login, "password": password, "decision": "approve"})
        for login, password in people
    ]

    assert [login for login, _ in people] == ["mira", "noor"]
    assert [200] * 2 == [answer.status_code for answer in answers]


def test_the_readmes_commands_work(server: RunningServer):
    """With every placeholder replaced, and nothing else."""
    blocks = [block for block in re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL) if "curl" in block]
    bika, pika = server.demo["bika"], server.demo["pika"][0]
    values = {
        "{SPACE_ID}": bika["space_id"],
        "{NODE_ID}": bika["database_id"],
        "{RECORD_ID}": bika["record_id"],
        "{YOUR_ACCESS_TOKEN}": bika["token"],
        "{COOKIE}": pika["cookie"],
        "http://127.0.0.1:8000": server.base_url,
    }
    answers: list[dict[str, Any]] = []
    for block in blocks:
        answers.append(paste(replaced(block, values), SAMPLES))
        if len(answers) == 1:
            values["{ATTACHMENT_ID}"] = answers[0]["data"][0]["id"]

    assert len(answers) == 4
    check_bika(answers[:2])
    check_pika(answers[2:])


def test_the_commands_for_attachments_work(server: RunningServer, tmp_path: Path):
    """Those of the how-to, one after the other; the last writes a picture."""
    for sample in SAMPLES.iterdir():
        shutil.copy(sample, tmp_path)
    blocks = re.findall(r"```sh\n(.*?)```", (DOCS / "how-to" / "attach.md").read_text(), re.DOTALL)
    bika = server.demo["bika"]
    values = {
        "{SPACE_ID}": bika["space_id"],
        "{NODE_ID}": bika["database_id"],
        "{RECORD_ID}": bika["record_id"],
        "{YOUR_ACCESS_TOKEN}": bika["token"],
        "http://127.0.0.1:8000": server.base_url,
    }
    answers: list[dict[str, Any]] = []
    for block in blocks[:-1]:
        answers.append(paste(replaced(block, values), tmp_path))
        if len(answers) == 1:
            first, second = (file["attachment"]["id"] for file in answers[0]["data"]["files"])
            values |= {"{ATTACHMENT_ID}": first, "{SECOND_ID}": second}
    subprocess.run(["bash", "-c", replaced(blocks[-1], values)], cwd=tmp_path, check=True, timeout=60)

    check_bika(answers)
    attached, ordered, hung, told, listed = (answer["data"] for answer in answers)
    assert [item["name"] for item in attached["attachments"][-2:]] == ["example.png", "receipt.jpg"]
    assert ordered["attachments"][0]["id"] == second
    assert first not in [item["id"] for item in ordered["attachments"]]
    assert hung["attachments"][-1]["name"] == "roof.png"
    assert [use["recordId"] for use in told["usedIn"]] == [bika["record_id"]]
    assert listed["hasMore"] is False
    assert (tmp_path / "small.jpg").read_bytes().startswith((b"\xff\xd8", b"RIFF"))


def replaced(command: str, values: Mapping[str, str]) -> str:
    """With every placeholder replaced."""
    for placeholder, value in values.items():
        command = command.replace(placeholder, value)
    return command


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/openapi.json"])
def test_the_other_addresses_of_the_readme_answer(server: RunningServer, path: str, tmp_path: Path):
    """As a browser or a probe would ask."""
    status = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", server.base_url + path],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip

    assert status.stdout == "200"
