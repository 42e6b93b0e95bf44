"""Clusters for system tests."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.system.cluster import Cluster


@pytest.fixture
def new_cluster(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Starts clusters that end with the test: `new_cluster("--legacy", ...)`."""
    made: list[Cluster] = []

    def make(*options: str, within: Sequence[str] = ()) -> Cluster:
        folder = tmp_path / f"cluster{len(made)}"
        folder.mkdir()
        made.append(Cluster(folder, *options, within=within))
        return made[-1]

    yield make
    for cluster in made:
        cluster.stop()
