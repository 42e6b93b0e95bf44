"""User names: which are allowed, and when two of them are the same.

A name is stored and compared in its canonical form: RFC 8265 UsernameCaseMapped (full-width forms and case
mapped, NFC), so `Alice` and `alice` are one user. Letters of any script are allowed; white space, controls,
bidi overrides, compatibility forms and symbols outside ASCII are not (RFC 8264, IdentifierClass). A display
name is free text beside it and identifies nobody.
"""

import re
import unicodedata
from functools import lru_cache

from precis_i18n import get_profile

MAX_NAME_LENGTH = 32
"""Code points; 128 bytes of UTF-8 at most, which keeps a connect token below a login frame."""

MAX_DISPLAY_NAME_LENGTH = 64

RESERVED = frozenset(
    ("admin", "all", "cim", "everyone", "here", "legacy", "lobby", "me", "operator", "route", "server", "system")
)
"""Canonical names that mean something else, or would be taken for it."""

_FORBIDDEN_IN_FRONT = "/:@#"
_JOINERS = "\u200c\u200d"
"""Format characters (category Cf) that Persian, Indic scripts and emoji cannot do without."""

CANONICAL_KEPT = 4_096
"""Names whose canonical form is remembered: making it takes 40 µs, and who is written to once is written to again."""

_PROFILE = get_profile("UsernameCaseMapped")
_REFUSED_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


class BadName(ValueError):
    """Not a usable name; the message is one sentence that says why."""


@lru_cache(CANONICAL_KEPT)
def canonical(name: str) -> str:
    """The form under which a name is stored and compared.

    Raises:
        BadName: the rules of this module do not allow it.
    """
    mapped = _mapped(name)
    if ";" in mapped:
        raise BadName("A name holds no semicolon.")
    if mapped[0] in _FORBIDDEN_IN_FRONT:
        raise BadName(f"A name does not begin with {mapped[0]}.")
    if mapped.isdigit():
        raise BadName("A name is not a number.")
    if not any(character.isalnum() for character in mapped):
        raise BadName("A name has at least one letter.")
    if mapped in RESERVED:
        raise BadName("That name is reserved.")
    return mapped


def canonical_prefix(prefix: str) -> str:
    """The canonical form of the beginning of a name; it need not be a name itself, and may be empty.

    It is mapped like a name and not judged like one: some rules look at what follows. `محمد-` begins a name though
    none ends like that, and so do half a Catalan `l·l` and a joiner before its letter.

    Raises:
        BadName: no name begins like that.
    """
    if len(prefix) > 2 * MAX_NAME_LENGTH:
        raise BadName(f"A name has at most {MAX_NAME_LENGTH} characters.")
    mapped = _PROFILE.width_mapping_rule(prefix)
    mapped = _PROFILE.normalization_rule(_PROFILE.case_mapping_rule(mapped))
    if any(character.isspace() or unicodedata.category(character) in ("Cc", "Cs") for character in mapped):
        raise BadName("A name holds no white space and no controls.")
    return str(mapped)


def _mapped(name: str) -> str:
    if not name:
        raise BadName("A name has at least one character.")
    if len(name) > 2 * MAX_NAME_LENGTH:
        raise BadName(f"A name has at most {MAX_NAME_LENGTH} characters.")
    try:
        mapped: str = _PROFILE.enforce(name)
    except UnicodeEncodeError as error:
        raise BadName("A name holds letters, digits and ASCII punctuation, and no white space.") from error
    if len(mapped) > MAX_NAME_LENGTH:
        raise BadName(f"A name has at most {MAX_NAME_LENGTH} characters.")
    return mapped


def display_name(text: str) -> str:
    """A display name as it is stored: NFC, white space reduced to single spaces.

    Raises:
        BadName: empty, too long, or with characters that control a terminal or the direction of text.
    """
    if len(text) > 4 * MAX_DISPLAY_NAME_LENGTH:
        raise BadName(f"A display name has at most {MAX_DISPLAY_NAME_LENGTH} characters.")
    cleaned = re.sub(r" +", " ", unicodedata.normalize("NFC", text)).strip()
    if not cleaned or cleaned.isspace():
        raise BadName("A display name has at least one visible character.")
    if len(cleaned) > MAX_DISPLAY_NAME_LENGTH:
        raise BadName(f"A display name has at most {MAX_DISPLAY_NAME_LENGTH} characters.")
    for character in cleaned:
        if unicodedata.category(character) in _REFUSED_CATEGORIES and character not in _JOINERS:
            raise BadName("A display name holds no control or formatting characters.")
    return cleaned
