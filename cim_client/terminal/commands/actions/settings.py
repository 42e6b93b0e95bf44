"""`/set`: what can be chosen, what is chosen, and choosing."""

from cim_client.terminal.commands.context import Context
from cim_client.terminal.commands.settings import SETTINGS
from cim_client.terminal.commands.syntax import Wrong
from cim_client.terminal.display.lines import note


async def set_(context: Context, name: str = "", value: str = "") -> None:
    if not name:
        await context.show([note(_row(context, one)) for one in SETTINGS])
        return
    if name not in SETTINGS:
        raise Wrong(f"there is no setting {name}: {', '.join(SETTINGS)}")
    if value:
        if value not in SETTINGS[name].values:
            raise Wrong(f"usage: /set {name} {'|'.join(SETTINGS[name].values)}")
        await _in_the_cluster(context, name, value == "on")
        context.settings.set(name, value)
    await context.note(_row(context, name))


async def _in_the_cluster(context: Context, name: str, on: bool) -> None:
    """What others see of one holds for all devices."""
    if name == "receipts":
        await context.me.set_receipts(on)
    elif name == "last_seen":
        await context.me.set_last_seen(on)


def _row(context: Context, name: str) -> str:
    setting = SETTINGS[name]
    return f"{name:<10} {context.settings[name]:<8} {'|'.join(setting.values)}: {setting.meaning}"
