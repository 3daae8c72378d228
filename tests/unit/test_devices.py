"""Devices by what browsers say of themselves."""

import pytest

from holdall.domain.devices import Device, parse_agent

_KIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
AGENTS = {
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_KIT} Safari/537.36": ("desktop", "", "", "Chrome", "Windows"),
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_KIT} Safari/537.36 Edg/140.0.0.0": (
        "desktop", "", "", "Microsoft Edge", "Windows"
    ),
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_KIT} Safari/537.36 OPR/120": ("desktop", "", "", "Opera", "Chrome OS"),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Safari/605.1.15": ("desktop", "Apple", "", "Safari", "Mac"),
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": (
        "desktop", "", "", "Firefox", "GNU/Linux"
    ),
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 "
    "Mobile/15E148 Safari/604.1": ("smartphone", "Apple", "iPhone", "Chrome", "iOS"),
    "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1": ("tablet", "Apple", "iPad", "Safari", "iPadOS"),
    f"Mozilla/5.0 (Linux; Android 10; K) {_KIT} Mobile Safari/537.36": ("smartphone", "", "", "Chrome", "Android"),
    f"Mozilla/5.0 (Linux; Android 14; Pixel 8 Pro Build/AP1A) {_KIT} Mobile Safari/537.36": (
        "smartphone", "Google", "Pixel 8 Pro", "Chrome", "Android"
    ),
    f"Mozilla/5.0 (Linux; Android 13; SM-T870) {_KIT.replace('Chrome', 'SamsungBrowser/28.0 Chrome')} Safari/537.36": (
        "tablet", "Samsung", "SM-T870", "Samsung Browser", "Android"
    ),
    "Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0": (
        "smartphone", "", "", "Firefox", "Android"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("agent", "told"), AGENTS.items())
def test_a_browser_is_known(agent: str, told: tuple[str, str, str, str, str]):
    """Also where it says that it is like others, which they all do."""
    form, brand, model, client, system = told

    assert Device(form, brand, model, "browser", client, system) == parse_agent(agent)


@pytest.mark.parametrize(("agent", "name"), [("curl/8.5.0", "curl"), ("python-httpx/0.28.1", "HTTPX")])
def test_a_program_is_called_by_its_name(agent: str, name: str):
    """Of what it runs on, nothing is known."""
    assert Device(client_type="library", client_name=name) == parse_agent(agent)


@pytest.mark.parametrize("agent", [None, "", "Mozilla/5.0", "Something/1.0 (of mine)", "Safari", "\\x0a" * 100])
def test_anything_else_is_unknown(agent: str | None):
    """And nothing is guessed."""
    assert Device("unknown", None, None, None, None, None) == parse_agent(agent)
