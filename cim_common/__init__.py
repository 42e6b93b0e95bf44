"""What the programs of a CIM cluster agree on."""

__version__ = "0.1.0"
