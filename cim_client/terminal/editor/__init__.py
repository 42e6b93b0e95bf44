"""The line one types in, and the terminal it stands in."""
