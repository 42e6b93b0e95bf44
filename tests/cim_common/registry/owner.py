"""A process that registers one server and says so: run by the contract suite, to be killed and paused.

Arguments: redis URL, ZooKeeper hosts or "-", id, epoch. Prints a line when registered, and again after each loss.
"""

import sys
import time

from cim import logs
from cim_common.registry import Server, open_registry


def main() -> None:
    logs.configure()
    redis_url, zookeeper, name, epoch = sys.argv[1:]
    registry = open_registry(redis_url, None if zookeeper == "-" else zookeeper)
    registry.start()
    registry.register(Server(name, epoch, "127.0.0.1", 11000, 12000))
    was = False
    while True:
        is_registered = registry.registered()
        if is_registered != was:
            print("registered" if is_registered else "lost", flush=True)
            was = is_registered
        time.sleep(0.02)


if __name__ == "__main__":
    main()
