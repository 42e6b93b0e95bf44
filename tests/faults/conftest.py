"""Fault tests start clusters like system tests."""

from tests.system.conftest import new_cluster

__all__ = ["new_cluster"]
