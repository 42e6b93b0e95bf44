"""A process of callers: its plan is the first line of its standard input, commands are the lines after it."""

import json
import sys

from cim.bench import load_process, proc
from cim.bench.callers.exchanges import EXCHANGES, Subject
from cim.bench.callers.loop import Loop


def main() -> None:
    proc.allow_descriptors()
    line, beyond = load_process.read_line(sys.stdin.fileno())
    plan = json.loads(line)
    subjects = [Subject(**one) for one in plan["subjects"]]
    loop = Loop(EXCHANGES[plan["exchange"]], subjects, plan["at_once"], sys.stdin.fileno(), sys.stdout.fileno())
    load_process.freeze()
    loop.obey(beyond)
    loop.run()


main()
