"""Settings from the environment."""

import pytest

from holdall.settings import Settings, SettingsError, read_settings


def test_nothing_set_means_the_defaults():
    """A default works without configuration."""
    assert Settings() == read_settings({"PATH": "/bin"})


def test_numbers_are_read_from_text():
    """The environment has nothing but text."""
    assert read_settings({"HOLDALL_PORT": "9000"}).port == 9000


def test_a_value_that_does_not_fit_names_its_variable():
    """So that the operator knows where to look."""
    with pytest.raises(SettingsError, match="HOLDALL_PORT"):
        read_settings({"HOLDALL_PORT": "many"})


def test_a_misspelt_setting_is_told():
    """It would otherwise silently do nothing."""
    with pytest.raises(SettingsError, match="HOLDALL_PROT is not a setting"):
        read_settings({"HOLDALL_PROT": "9000"})


def test_links_start_with_the_configured_address():
    """Without a trailing slash, whichever way it was written."""
    assert read_settings({"HOLDALL_BASE_URL": "https://files.example.test/"}).site_url == "https://files.example.test"
    assert read_settings({"HOLDALL_PORT": "8001"}).site_url == "http://127.0.0.1:8001"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("off", None),
        ("on", ("127.0.0.1", 9464)),
        ("10.0.0.7:9100", ("10.0.0.7", 9100)),
        ("[::1]:9100", ("::1", 9100)),
    ],
)
def test_metrics_are_nowhere_or_at_an_address_of_their_own(said: str, meant: tuple[str, int] | None):
    """Off unless asked for, and then on the loopback address unless told otherwise."""
    assert read_settings({}).metrics_address is None
    assert read_settings({"HOLDALL_METRICS": said}).metrics_address == meant


@pytest.mark.parametrize("said", ["yes", ":9100", "localhost", "localhost:0", "localhost:99999", "localhost:x"])
def test_an_address_of_metrics_that_is_none_is_told(said: str):
    """By the variable's name."""
    with pytest.raises(SettingsError, match="HOLDALL_METRICS"):
        _ = read_settings({"HOLDALL_METRICS": said}).metrics_address
