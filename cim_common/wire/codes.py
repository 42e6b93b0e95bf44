"""Numbered reasons. The range of a number says what its receiver does with it.

=============  =============================================================================
1000 to 1999   refused for good: the same request will be refused again
2000 to 2999   not now: ask again later, the answer says when; nothing is said of earlier tries
3000 to 3499   the connection ends; connect again (any server, after a back-off)
3500 to 3999   the connection ends; do not connect again by yourself
=============  =============================================================================
"""

from enum import IntEnum


class Code(IntEnum):
    """Every numbered reason, with the sentence people see (`Code.sentence`)."""

    sentence: str

    def __new__(cls, number: int, sentence: str) -> "Code":
        code = int.__new__(cls, number)
        code._value_ = number
        code.sentence = sentence
        return code

    BAD_REQUEST = 1000, "The request is malformed."
    EMPTY_TEXT = 1001, "A message needs some text."
    TEXT_TOO_LONG = 1002, "A message holds at most 16 KiB of UTF-8 text."
    NO_SUCH_CONVERSATION = 1003, "There is no such conversation."
    NO_SUCH_USER = 1004, "There is no user of that name."
    NOT_A_MEMBER = 1005, "You are not a member of that conversation."
    BLOCKED = 1006, "You may not write in that conversation."
    SUPERSEDED = 1007, "A later message took its place: it was never stored and never will be."
    ID_REUSED = 1008, "That message id already belongs to another message."
    BAD_NAME = 1009, "That is not a usable user name."
    NAME_TAKEN = 1010, "That name is taken."
    WRONG_PASSWORD = 1011, "Name or password is wrong."
    BAD_TOKEN = 1012, "The token is missing, forged or expired: log in again."
    BAD_PASSWORD = 1013, "A password has 8 to 128 characters."
    LEGACY_ACCOUNT = 1014, "That name belongs to a legacy account, which has no password."
    NOT_FOUND = 1015, "There is nothing at that address."
    METHOD_NOT_ALLOWED = 1016, "That address does not accept this method."
    TOO_LARGE = 1017, "The request is too large."
    FORBIDDEN = 1018, "You may not do that."
    NO_SUCH_MESSAGE = 1019, "There is no such message, or it is not one that can be changed."
    ALREADY_A_MEMBER = 1020, "They are members already."
    BANNED = 1021, "They are banned there: lift the ban first."
    TOO_MANY_MEMBERS = 1022, "The group is full."
    DISSOLVED = 1023, "The group is dissolved."
    NAME_TOO_LONG = 1024, "A group's name has 1 to 64 characters, a topic at most 256, without controls."
    EXPIRED = 1025, "Retention has removed that part of the history."
    NO_SUCH_DEVICE = 1026, "You have no such device."
    NO_SUCH_SCHEDULE = 1027, "There is no such scheduled message."
    ALREADY_SENT = 1028, "The scheduled message has been sent already."
    TOO_MANY_SCHEDULED = 1029, "At most 100 messages can be scheduled."
    BAD_TIME = 1030, "A message can be scheduled for a time within the next year."
    NO_SUCH_SETTING = 1031, "There is no such setting."
    TOO_MANY_REACTIONS = 1032, "A message takes at most 20 different reactions."
    ID_TAKEN = 1033, "That conversation id is taken."
    THEY_ARE_NOT_MEMBERS = 1034, "They are not members of that group."
    REWOUND = 1035, "The conversation was set back to an older state."
    THEY_ARE_NOT_BANNED = 1036, "They are not banned there."
    NO_PASSWORD = 1037, "That account has no password: its tokens come from an operator."

    OVERLOADED = 2000, "The server is busy."
    STORE_UNAVAILABLE = 2001, "The message store cannot be reached."
    OUT_OF_ORDER = 2002, "An earlier message of this device has to be sent first."
    SENDER_LIMIT = 2003, "You are sending too fast."
    CONVERSATION_LIMIT = 2004, "The conversation is too busy."
    OUTCOME_UNKNOWN = 2005, "The store did not answer; the message may have been stored."
    NO_SERVER = 2006, "No IM server is available."
    TOO_MANY_ATTEMPTS = 2007, "Too many attempts."
    INTERNAL = 2008, "Something went wrong in the server."
    REQUEST_LIMIT = 2009, "You are asking too much at once."
    TOO_MANY_WAITING = 2010, "Too many are waiting for events here."

    SERVER_STOPPING = 3000, "The server is stopping."
    SLOW_CONSUMER = 3001, "The connection does not take what is sent to it fast enough."
    IDLE_TIMEOUT = 3002, "Nothing was heard for too long."
    LOGIN_TIMEOUT = 3003, "No login came in time."
    TOKEN_EXPIRED = 3004, "The connect token has expired: fetch another one."
    SESSION_LOST = 3005, "The session could not be kept in the store."
    TOO_MANY_CONNECTIONS = 3006, "There are too many connections from that address."
    SERVER_ERROR = 3007, "Something went wrong in the server with what this connection asked."

    NORMAL = 3500, "The client has finished."
    TAKEN_OVER = 3501, "The device has connected elsewhere."
    FRAME_TOO_LARGE = 3502, "A frame is longer than allowed."
    EMPTY_FRAME = 3503, "An empty frame means nothing."
    MALFORMED_FRAME = 3504, "A frame cannot be decoded."
    UNKNOWN_COMMAND = 3505, "The command is unknown."
    UNEXPECTED_COMMAND = 3506, "The command is not allowed now."
    TOO_MANY_UNANSWERED = 3507, "Too many messages without an answer."
    TOKEN_REFUSED = 3508, "The connect token is forged or not for this device."
    PROTOCOL_VERSION = 3509, "The protocol version is not supported."
    LEGACY_OFF = 3510, "Legacy clients are not served here."
    LOGGED_OUT = 3511, "The device was logged out."
    DEVICE_EXPIRED = 3512, "The device was away too long and has been forgotten."


def reconnects(code: int) -> bool:
    """Whether the receiver of a GO_AWAY or CLOSE with this code connects again by itself.

    An unknown number of a newer peer is judged by its range, like a known one.
    """
    return not 3500 <= code <= 3999


def code_of(number: int) -> Code:
    """The code with that number; KeyError if it is none of ours."""
    return _BY_NUMBER[number]


_BY_NUMBER = {int(code): code for code in Code}
