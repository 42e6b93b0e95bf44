"""What typed lines mean and do; `registry` is the list."""
