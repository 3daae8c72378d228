"""What a User-Agent tells of a device, in the words of Pika's sessions; nothing is guessed.

Browsers say who they are after a long list of whom they are like, so the order of the tables below decides: whoever
imitates another stands before it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Device:
    """What a credential is used on; ``None`` for what is not known, ``""`` for what is not told."""

    device_type: str = UNKNOWN
    brand: str | None = None
    model: str | None = None
    client_type: str | None = None
    client_name: str | None = None
    os_name: str | None = None


_Names = Sequence[tuple[str, str]]

_SYSTEMS: _Names = (
    ("iPad", "iPadOS"),
    ("iPhone|iPod", "iOS"),
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("Windows Phone", "Windows Phone"),
    ("Windows", "Windows"),
    ("CrOS", "Chrome OS"),
    ("Mac OS X|Macintosh", "Mac"),
    ("FreeBSD", "FreeBSD"),
    ("OpenBSD", "OpenBSD"),
    ("Linux|X11", "GNU/Linux"),
)
_BROWSERS: _Names = (
    ("EdgA?/|EdgiOS/|Edge/", "Microsoft Edge"),
    ("OPR/|Opera|OPiOS/", "Opera"),
    ("SamsungBrowser/", "Samsung Browser"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("DuckDuckGo/|Ddg/", "DuckDuckGo"),
    ("FxiOS/|Firefox/", "Firefox"),
    ("HeadlessChrome/", "Headless Chrome"),
    ("CriOS/|Chrome/|Chromium/", "Chrome"),
    ("Version/.*Safari/", "Safari"),
)
_LIBRARIES: _Names = (
    ("^curl/", "curl"),
    ("^Wget/", "Wget"),
    ("python-requests/", "Python Requests"),
    ("python-httpx/", "HTTPX"),
    ("aiohttp/", "aiohttp"),
    ("okhttp/", "OkHttp"),
    ("axios/", "axios"),
    ("^node", "Node.js"),
    ("Go-http-client/", "Go-http-client"),
    ("PostmanRuntime/", "Postman"),
)
_BRANDS: _Names = (
    ("^SM-|^GT-|^Galaxy", "Samsung"),
    ("^Pixel|^Nexus", "Google"),
    ("^Mi |^Redmi|^POCO|^M20", "Xiaomi"),
    ("^moto|^XT[0-9]", "Motorola"),
    ("^ONEPLUS", "OnePlus"),
    ("^HUAWEI", "Huawei"),
    ("^Nokia", "Nokia"),
    ("^Fairphone|^FP[0-9]", "Fairphone"),
)
_ANDROID_MODEL = re.compile(r"Android [^;)]*; (?:[a-z]{2}-[a-z]{2}; )?([^;)]+?)(?: Build/[^;)]*)?[;)]")
_NO_MODEL = ("K", "Mobile", "Tablet", "wv")
"""What stands where a model would: Chrome says ``K`` whatever it is, Firefox which form it has."""


def parse_agent(agent: str | None) -> Device:
    """The device behind a User-Agent; unknown where it says nothing that is known for sure."""
    text = agent or ""
    library = _first(_LIBRARIES, text)
    if library:
        return Device(client_type="library", client_name=library)
    browser, system = _first(_BROWSERS, text), _first(_SYSTEMS, text)
    if not browser or not system:
        return Device()
    brand, model = _make(text, system)
    return Device(_form(text, system), brand, model, "browser", browser, system)


def _form(agent: str, system: str) -> str:
    if system == "iPadOS" or "Tablet" in agent:
        return "tablet"
    if system == "Android":
        return "smartphone" if "Mobile" in agent else "tablet"
    return "smartphone" if system in ("iOS", "HarmonyOS", "Windows Phone") else "desktop"


def _make(agent: str, system: str) -> tuple[str, str]:
    """Brand and model, as far as they are told."""
    if system in ("iOS", "iPadOS"):
        return "Apple", _first((("iPad", "iPad"), ("iPod", "iPod"), ("iPhone", "iPhone")), agent)
    if system == "Mac":
        return "Apple", ""
    found = _ANDROID_MODEL.search(agent)
    model = found[1].strip() if found else ""
    if model in _NO_MODEL or model.startswith("rv:"):
        return "", ""
    return _first(_BRANDS, model), model


def _first(names: _Names, text: str) -> str:
    return next((name for pattern, name in names if re.search(pattern, text)), "")
