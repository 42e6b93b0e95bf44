"""What `/set` can change: each setting with the values it may have, typed.

`receipts` and `last_seen` belong to the account and are changed in the cluster (actions/settings.py); what is kept here
is what was chosen on this device.
"""

from collections.abc import Callable
from typing import NamedTuple


class Setting(NamedTuple):
    """A setting: its values, the first of which it has at the beginning, and what it is for."""

    name: str
    values: tuple[str, ...]
    meaning: str


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("numbers", ("on", "off"), "show the number of each message, which commands take"),
        Setting("show", ("all", "current"), "print messages of all conversations, or of the current one only"),
        Setting("bell", ("off", "mine", "all"), "ring at private messages and mentions, or at every message"),
        Setting("colours", ("on", "off"), "colours for names and marks"),
        Setting("time", ("minutes", "seconds", "off"), "the time in front of each message"),
        Setting("receipts", ("on", "off"), "others see what you have read"),
        Setting("last_seen", ("on", "off"), "others see when you were last online"),
    )
}


class Settings:
    """The values chosen. `load` and `keep` read and write one where settings are kept."""

    def __init__(
        self,
        load: Callable[[str], str | None] = lambda name: None,
        keep: Callable[[str, str], None] = lambda name, value: None,
    ) -> None:
        self._keep = keep
        self._values = {name: _allowed(setting, load(name)) for name, setting in SETTINGS.items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def set(self, name: str, value: str) -> None:
        """Choose one of `SETTINGS[name].values`."""
        if value not in SETTINGS[name].values:
            raise ValueError(f"{name} is one of: {', '.join(SETTINGS[name].values)}")
        self._values[name] = value
        self._keep(name, value)

    @property
    def numbers(self) -> bool:
        return self["numbers"] == "on"

    @property
    def show_all(self) -> bool:
        return self["show"] == "all"

    @property
    def colours(self) -> bool:
        return self["colours"] == "on"

    @property
    def bell(self) -> str:
        return self["bell"]

    @property
    def time(self) -> str:
        return self["time"]


def _allowed(setting: Setting, value: str | None) -> str:
    """A value kept by another version may mean nothing here."""
    return value if value in setting.values else setting.values[0]
