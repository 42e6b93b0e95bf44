"""Whether a text says one's name, as a word, in any script. Pure."""

import re
import unicodedata

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
"""Letters of scripts that set no blanks between words, or none before particles: they do not go on with a name."""

_MARKS = "\u0300-\u036f"


def mention_of(name: str) -> re.Pattern[str]:
    """What finds a name in texts, whatever their case and whether accents are composed.

    A name counts where no letter or digit continues it on either side. One that is a single sign of a script without
    blanks stands in too many words: it counts only where nothing at all continues it.
    """
    ignored = "" if len(name) == 1 else _UNSPACED
    forms = {unicodedata.normalize(form, name) for form in ("NFC", "NFD")}
    words = "|".join(re.escape(form) for form in sorted(forms))
    before = "" if _stands_free(name[0], ignored) else rf"(?<![^\W{ignored}])"
    after = "" if _stands_free(name[-1], ignored) else rf"(?![^\W{ignored}]|[{_MARKS}])"
    return re.compile(f"{before}(?:{words}){after}", re.IGNORECASE)


def _stands_free(char: str, ignored: str) -> bool:
    """Whether the end of a name there is no matter of what stands beside it."""
    return bool(ignored) and re.match(f"[{ignored}]", char) is not None
