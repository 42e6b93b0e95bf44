"""What an ephemeral device keeps."""

from cim_client.store.contract import Kept, Saved
from cim_client.store.memory import MemoryStore
from cim_client.store.messages import MAX_IN_MEMORY, STEP
from cim_client.views import Position
from tests.cim_client.kept import exported, keep, seqs, text


def test_an_ephemeral_device_keeps_nothing() -> None:
    first, second = MemoryStore(), MemoryStore()
    assert first.device != second.device
    assert first.ephemeral
    assert first.save(Saved(first.next_n(), "bob", "x")) is Kept.NO
    assert first.saved() == []
    first.set_positions([("c", Position(1, 1))])
    assert (first.position("c"), first.position("d")) == (Position(1, 1), None)
    old = first.device
    first.new_device()
    assert first.device != old
    first.close()


def test_only_the_newest_messages_of_a_run_are_kept() -> None:
    store = MemoryStore(keeps=True)
    for first in range(1, MAX_IN_MEMORY + 5 * STEP, STEP):
        keep(store, *(text(seq) for seq in range(first, first + STEP)))
    assert MAX_IN_MEMORY <= sum(1 for _ in exported(store, None)) < MAX_IN_MEMORY + STEP
    assert seqs(store)[0] > MAX_IN_MEMORY
    store.close()
