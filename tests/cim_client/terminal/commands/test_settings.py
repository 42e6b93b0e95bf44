"""What was set is kept, and what was kept by another version does no harm."""

import pytest

from cim_client.terminal.commands.settings import SETTINGS, Settings


def test_the_first_value_is_the_one_at_the_beginning() -> None:
    settings = Settings()
    assert {name: settings[name] for name in SETTINGS} == {name: kept.values[0] for name, kept in SETTINGS.items()}
    assert (settings.numbers, settings.show_all, settings.colours) == (True, True, True)
    assert (settings.bell, settings.time) == ("off", "minutes")


def test_what_is_set_is_kept_and_loaded() -> None:
    kept: dict[str, str] = {}
    Settings(kept.get, kept.__setitem__).set("numbers", "off")
    assert kept == {"numbers": "off"}
    assert not Settings(kept.get, kept.__setitem__).numbers


def test_a_value_that_is_none() -> None:
    kept = {"bell": "loud"}
    settings = Settings(kept.get, kept.__setitem__)
    assert settings.bell == "off"
    with pytest.raises(ValueError, match="off, mine, all"):
        settings.set("bell", "loud")
    assert (settings.bell, kept) == ("off", {"bell": "loud"})
