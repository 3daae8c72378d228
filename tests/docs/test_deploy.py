"""What ``deploy/`` holds, by the tools that read it.

Not run here: no container, no cluster and no unit is started, for want of an engine. What nginx does is tested with
nginx (``tests/integration/test_nginx.py``).
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from holdall.settings import PREFIX, Settings
from tests.support import nginx

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "holdall.service"
EXPOSURE = 2.0
"""Out of 10, by ``systemd-analyze security``; 1.4 was found. What is left is the network and the clock's device."""


def run(*command: object) -> str:
    """What a tool says to something that it finds in order."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def tool(name: str) -> Path:
    """One of the developers' environment."""
    return Path(sys.executable).with_name(name)


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


def test_no_file_names_a_registry_or_an_index():
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    assert files
    for path in files:
        text = path.read_text()
        assert not re.search(r"--(extra-)?index-url|PIP_INDEX|ghcr\.io|quay\.io|docker\.io|gcr\.io", text), path
        for image in re.findall(r"^\s*(?:image:|FROM)\s+(\S+)", text, re.MULTILINE):
            assert "." not in image.partition("/")[0].partition(":")[0], (path, image)


def test_every_setting_that_is_named_is_one():
    for path in (path for path in DEPLOY.rglob("*") if path.is_file()):
        for name in re.findall(rf"\b{PREFIX}([A-Z0-9_]+)", path.read_text()):
            assert name == "CERTIFICATES" or name.lower() in Settings.__struct_fields__, (path, name)


def test_yaml_is_in_order():
    rules = "{extends: default, rules: {line-length: {max: 160}, document-start: disable}}"
    run(tool("yamllint"), "-s", "-d", rules, DEPLOY)


# ── the image ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_dockerfile_is_in_order():
    run(tool("hadolint"), DEPLOY / "docker" / "Dockerfile")


def test_the_image_gets_every_extra_with_its_hash():
    """The line of the Dockerfile is run here, on the lock as it is."""
    dockerfile = (DEPLOY / "docker" / "Dockerfile").read_text()
    [program] = re.findall(r"RUN awk '(.*)' requirements/dev.txt", dockerfile)
    lines = run("awk", program, ROOT / "requirements" / "dev.txt").splitlines()
    pins = {line.partition("==")[0] for line in lines if line[:1].isalpha()}
    assert pins == {"obstore", "pi-heif", "psycopg", "psycopg-binary", "psycopg-pool"}
    assert sum("--hash=sha256:" in line for line in lines) >= len(pins)
    assert all(line.startswith((*pins, "    --hash", "    #")) for line in lines)


def test_the_image_needs_no_root_and_no_writable_root():
    dockerfile = (DEPLOY / "docker" / "Dockerfile").read_text()
    final = dockerfile[dockerfile.rindex("FROM") :]
    assert "USER 10001:10001" in final
    assert "HEALTHCHECK" in final
    for path in ("embedded", "full"):
        [composed] = documents(DEPLOY / "compose" / f"{path}.yaml")
        ours = [service for service in composed["services"].values() if service["image"].startswith("holdall:")]
        assert ours
        for service in ours:
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
            assert "no-new-privileges:true" in service["security_opt"]


def test_only_what_is_built_from_goes_to_the_builder():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (DEPLOY / "docker" / "Dockerfile").read_text(), re.MULTILINE)
    assert kept == {word for words in copied for word in words.split()}
    assert all((ROOT / path).exists() for path in kept)


# ── compose and Kubernetes ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["embedded", "full"])
def test_the_compose_files_fit_their_schema(name: str):
    run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose" / f"{name}.yaml")


def test_the_only_proxy_that_is_believed_is_nginx():
    [composed] = documents(DEPLOY / "compose" / "full.yaml")
    address = composed["services"]["nginx"]["networks"]["front"]["ipv4_address"]
    for node in ("node-1", "node-2"):
        assert composed["services"][node]["environment"]["HOLDALL_TRUSTED_PROXIES"] == address
        assert (
            f"server {composed['services'][node]['networks']['front']['ipv4_address']}:8000;" in nginx.NODES.read_text()
        )
        assert "ports" not in composed["services"][node]


@pytest.mark.parametrize("name", ["deployment", "networkpolicy", "service", "volume"])
def test_the_manifests_fit_their_schemas(name: str):
    path = DEPLOY / "kustomize" / "base" / f"{name}.yaml"
    assert "passed" in run(tool("kubernetes-validate"), "--strict", "--kubernetes-version", "1.32", path)


def test_the_kustomization_builds_what_is_selected():
    """One pod, which the service, the deployment and the policy mean; and no label is asked of other people's pods."""
    base = DEPLOY / "kustomize" / "base"
    [kustomization] = documents(base / "kustomization.yaml")
    assert sorted(kustomization["resources"]) == sorted(p.name for p in base.iterdir() if p.stem != "kustomization")
    [deployment], [service], [policy] = (
        documents(base / f"{name}.yaml") for name in ("deployment", "service", "networkpolicy")
    )
    label = {"app.kubernetes.io/name": "holdall"}
    pod = deployment["spec"]["template"]
    assert pod["metadata"]["labels"] == label
    assert deployment["spec"]["selector"] == policy["spec"]["podSelector"] == {"matchLabels": label}
    assert service["spec"]["selector"] == label
    assert not any(labels.get("includeSelectors") for labels in kustomization["labels"])
    [container] = pod["spec"]["containers"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    if shutil.which("kubectl"):
        assert "kind: NetworkPolicy" in run("kubectl", "kustomize", base)


# ── systemd ──────────────────────────────────────────────────────────────────────────────────────────────────────

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@needs_systemd
def test_the_unit_is_in_order_and_little_exposed(tmp_path: Path):
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/holdall/.venv/bin/holdall", shutil.which("true") or ""))
    said = run("systemd-analyze", "verify", "--man=no", unit)
    assert UNIT.name not in said, said
    told = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert exposure
    assert float(exposure[1]) <= EXPOSURE


@needs_systemd
def test_the_unit_lets_the_inspecting_processes_lock_themselves_up():
    """A denied call would not be an error, only a weaker cage: see ``adapters.inspect.sandbox`` and ``landlock``."""
    allowed = allowed_calls()
    for call in (
        "seccomp",
        "landlock_create_ruleset",
        "landlock_restrict_self",
        "prctl",
        "prlimit64",
        "clone",
        "execve",
    ):
        assert call in allowed, call
    assert not {"mount", "chroot", "setuid", "bpf", "ptrace", "kexec_load"} & allowed
    assert "\nMemoryDenyWriteExecute=" not in UNIT.read_text()


def allowed_calls() -> set[str]:
    """The calls that the unit's filters leave, in systemd's own groups."""
    groups: dict[str, list[str]] = {}
    for line in run("systemd-analyze", "syscall-filter", "--no-pager").splitlines():
        if line.startswith("@"):
            groups[line.strip()] = []
        elif line.startswith("    ") and groups and not line.strip().startswith("#"):
            groups[list(groups)[-1]].append(line.strip())

    def members(name: str) -> set[str]:
        return set().union(*(members(each) for each in groups[name])) if name.startswith("@") else {name}

    allowed: set[str] = set()
    for value in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(), re.MULTILINE):
        named = set().union(*(members(each) for each in value.removeprefix("~").split()))
        allowed = allowed - named if value.startswith("~") else allowed | named
    return allowed


# ── nginx ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_two_configurations_are_one():
    """``python -m tests.support.nginx`` writes the second anew."""
    assert nginx.NODES.read_text() == nginx.of_nodes(nginx.CONFIGURATION.read_text())


@pytest.mark.parametrize("path", [nginx.CONFIGURATION, nginx.NODES], ids=["holdall", "nodes"])
def test_nothing_is_known_against_the_configuration(path: Path):
    run(tool("gixy"), path)
