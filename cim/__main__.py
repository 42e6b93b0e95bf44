"""`python -m cim`."""

from cim.cli import main

main()
