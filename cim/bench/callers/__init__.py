"""Processes that call: log in over and over, or ask route over HTTP. `crew.py` starts them, `exchanges.py` says what
one call is, `loop.py` keeps many of them going at once."""
