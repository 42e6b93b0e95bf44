"""The load generator: processes of their own that hold many connections each (`fleet.py` starts them)."""
