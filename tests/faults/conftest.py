"""Fault tests start clusters like system tests."""

from tests.system.conftest import away, new_cluster

__all__ = ["away", "new_cluster"]
