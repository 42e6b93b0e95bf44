"""What a user switches for itself: flags of a conversation, and whether others hear of it."""

from cim_common import ids
from cim_common.store import keys
from cim_common.store.conversations import list_rings
from cim_common.store.flow import Flow
from cim_common.store.scripts import SETTING

OF_CONVERSATION = frozenset(("pinned", "muted"))

OF_ACCOUNT = {"receipts": "no_receipts", "last_seen": "no_seen"}
"""Setting -> field of the user's hash that is 1 while it is off; without the field it is on."""


def set_flag(user: int, conversation: str, name: str, on: bool) -> Flow[bool]:
    """Pin or mute a conversation, or take it back; False if it does not stand in the user's list."""
    (reply,) = yield [
        SETTING.call(
            (keys.conversations(user), keys.sessions(user), keys.settings(user)),
            conversation,
            name,
            int(on),
            int(conversation == ids.LOBBY),
        )
    ]
    if not reply:
        return False
    if reply[0]:
        version, sessions = reply
        rings = list_rings([(user, version, sessions)])
        if rings:
            yield rings
    return True


def set_of_account(user: int, name: str, on: bool) -> Flow[bool]:
    """Switch a setting of `OF_ACCOUNT`."""
    field = OF_ACCOUNT[name]
    yield [("HDEL", keys.user(user), field) if on else ("HSET", keys.user(user), field, 1)]
    return True
