"""One cluster for all tests of the terminal, and chats that end with their test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.cluster import Cluster
from tests.system.terminal.chats import CONNECTED, Chat, OpenChat, settings
from tests.system.terminal.scene import Scene, open_scene
from tests.system.terminal.tmux import Tmux


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    assert made.stop() == 0


@pytest.fixture
def open_chat(cluster: Cluster, tmp_path: Path) -> Iterator[OpenChat]:
    """Starts `cim chat NAME ...` and waits until it is connected; the same data folder for the whole test."""
    opened: list[Chat] = []

    def start(name: str, *options: str, wait: bool = True, columns: int = 80, rows: int = 24, **env: str) -> Chat:
        opened.append(Chat(name, settings(cluster, tmp_path) | env, *options, columns=columns, rows=rows))
        if wait:
            opened[-1].until_bar(CONNECTED)
        return opened[-1]

    yield start
    for chat in opened:
        chat.close()


@pytest.fixture(scope="package")
def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with open_scene(cluster, tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest.fixture
def scene(opened: Scene) -> Iterator[Scene]:
    """Sam's chat, in the lobby: the same for all tests, which saves a second in each."""
    yield opened
    opened.quiet()


@pytest.fixture
def shell(cluster: Cluster, tmp_path: Path) -> Iterator[Tmux]:
    """A shell in tmux, with the settings of a chat."""
    made = Tmux(settings(cluster, tmp_path))
    yield made
    made.close()
