"""Work beside a block of code, in a thread that lives as long as the block."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beside(name: str, work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run `work` in a thread called `name` until the block ends; the event it is given says that it has.

    What ends the work before that is raised when the block has ended in order.
    """
    ending = threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work(ending)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
    if failed:
        raise failed[0]
