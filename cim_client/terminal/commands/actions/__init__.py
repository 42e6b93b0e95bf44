"""What commands do: async functions that get the `Context` and their arguments (`commands.py` is the list)."""
