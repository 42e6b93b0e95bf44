"""Clusters for system tests."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.system.cluster import AwayCluster, Cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """What the tests of a file share; files whose tests need another have a fixture of that name."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    assert made.stop() == 0


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


@pytest.fixture
def away(tmp_path: Path) -> Iterator[AwayCluster]:
    """A cluster that can be away."""
    folder = tmp_path / "away"
    folder.mkdir()
    made = AwayCluster(folder)
    yield made
    made.go()
