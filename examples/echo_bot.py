"""An echo bot: answers every message that is sent to it alone with the same text.

Run it:   CIM_PASSWORD="a good password" python examples/echo_bot.py echo
Try it:   cim send echo hello

The data folder remembers what was answered: stopped and started again, it answers what came meanwhile. An answer is
sent under a key made of the message's id, so a crash between answer and note does not answer twice.
"""

import os
import sys

from cim_client.blocking import connect

ROUTE = os.environ.get("CIM_CHAT_ROUTE", "http://127.0.0.1:8083")


def main(name: str, folder: str = "echo-data") -> None:
    with connect(ROUTE, name=name, password=os.environ["CIM_PASSWORD"], register=True, data_dir=folder) as me:
        print(f"{me.name} is listening", flush=True)
        for message in me.messages():
            if message.conversation.startswith("d-") and message.sender_id != me.user_id:
                key = f"echo:{message.conversation}:{message.seq}"
                me.send_once(message.conversation, message.text, key, reply_to=message.seq)


if __name__ == "__main__":
    main(*sys.argv[1:])
