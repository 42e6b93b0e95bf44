"""What is seen: models of the window and its lines, without I/O."""
