"""A generator process: its plan is the first line of its standard input, commands are the lines after it (load.py)."""

import json
import sys

from cim.bench import load_process, proc
from cim.bench.generator.load import Load


def main() -> None:
    proc.allow_descriptors()
    plan, beyond = load_process.read_line(sys.stdin.fileno())
    load = Load(json.loads(plan), sys.stdin.fileno(), sys.stdout.fileno())
    load_process.freeze()
    load.obey(beyond)
    load.run()


main()
