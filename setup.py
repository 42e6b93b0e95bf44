"""The build. Pure Python, unless CIM_COMPILE=1: then mypyc makes C of the message path (`tools/compile`).

Nothing but time depends on it: the modules are the same, and run as they are where they are not compiled.
"""

import os

from setuptools import setup

COMPILED = (
    "cim_common/accept.py",
    "cim_common/redis_socket.py",
    "cim_common/store/clock.py",
    "cim_common/store/commit.py",
    "cim_common/store/push.py",
    "cim_common/store/resp.py",
    "cim_common/wire/codec.py",
    "cim_common/wire/connection.py",
    "cim_common/wire/framing.py",
    "cim_common/wire/messages.py",
    "cim_server/channel.py",
    "cim_server/commit.py",
    "cim_server/conversation.py",
    "cim_server/conversations.py",
    "cim_server/delivery.py",
    "cim_server/legacy.py",
    "cim_server/pump.py",
    "cim_server/requests.py",
    "cim_server/sessions.py",
    "cim_server/timers.py",
)
"""What each message passes through, but `wire/codes.py`: an IntEnum with a `__new__` of its own does not work so."""

if os.environ.get("CIM_COMPILE") == "1":
    from mypyc.build import mypycify

    setup(ext_modules=mypycify(list(COMPILED)))
else:
    setup()
