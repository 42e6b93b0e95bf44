"""What a device keeps between runs (`contract`); `opening` finds its file."""
