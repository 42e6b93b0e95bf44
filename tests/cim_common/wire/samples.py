"""One of each message, for round trips."""

from typing import Any

from hypothesis import strategies as st

from cim_common.wire import messages as m

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NUMBERS = st.integers(0, 2**53)
SMALL = st.integers(0, 2**32 - 1)

ENTRIES = st.builds(
    m.Entry,
    seq=NUMBERS, sender=NUMBERS, sender_name=TEXTS, device=TEXTS, n=NUMBERS, time_ms=NUMBERS, text=TEXTS,
    kind=st.integers(0, 40), unverified=st.booleans(), message_id=TEXTS,
)  # fmt: skip
RANGES = st.builds(m.Range, NUMBERS, NUMBERS, SMALL)
LISTED = st.builds(m.Conversation, TEXTS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, TEXTS)

FROM_CLIENT: st.SearchStrategy[Any] = st.one_of(
    st.builds(m.Ping, NUMBERS),
    st.builds(m.Pong, NUMBERS, NUMBERS),
    st.builds(m.Resolve, SMALL, TEXTS),
    st.builds(m.Send, TEXTS, NUMBERS, NUMBERS, TEXTS),
    st.builds(m.Sync, TEXTS, NUMBERS, NUMBERS),
    st.builds(m.Pull, SMALL, TEXTS, NUMBERS, SMALL),
    st.builds(m.Cursor, TEXTS, NUMBERS),
    st.builds(m.List, SMALL, NUMBERS),
    st.builds(m.Hold, TEXTS),
    st.builds(m.Close, SMALL, TEXTS),
)
FROM_SERVER: st.SearchStrategy[Any] = st.one_of(
    st.builds(m.Ping, NUMBERS),
    st.builds(m.Pong, NUMBERS, NUMBERS),
    st.builds(m.Resolved, SMALL, TEXTS, NUMBERS, TEXTS),
    st.builds(m.Ack, NUMBERS, NUMBERS),
    st.builds(m.Nack, NUMBERS, SMALL, TEXTS, NUMBERS),
    st.builds(m.Retry, NUMBERS, SMALL, SMALL),
    st.builds(m.Unresolved, NUMBERS),
    st.builds(m.Push, TEXTS, st.lists(ENTRIES, max_size=4).map(tuple)),
    st.builds(
        m.Page, TEXTS, NUMBERS, NUMBERS, NUMBERS, st.booleans(), st.lists(ENTRIES, max_size=4).map(tuple), SMALL,
        st.lists(RANGES, max_size=3).map(tuple),
    ),
    st.builds(m.Conversations, SMALL, st.lists(LISTED, max_size=4).map(tuple), NUMBERS, st.booleans()),
    st.builds(m.Head, TEXTS, NUMBERS),
    st.builds(m.ConversationsChanged, NUMBERS),
    st.builds(m.GoAway, SMALL, TEXTS, TEXTS, SMALL),
    st.builds(m.Close, SMALL, TEXTS),
    st.builds(m.Failed, SMALL, SMALL, TEXTS, TEXTS, SMALL),
)  # fmt: skip
