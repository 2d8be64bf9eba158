"""The forms of texts: the one that is stored, and the one in which texts are searched and sorted (decision 9).

What looks the same to readers has several spellings in Unicode. Texts are stored and compared in one of them, NFC.
Searches and orders compare `fold`, which also drops case, accents and the width of blanks.
"""

import re
import unicodedata
from typing import Final

#: Characters that part words and show nothing: Unicode's White_Space, and the four ASCII separators that
#: ``str.strip`` removes too. The content of a regular expression's class, for Python and for PostgreSQL.
BLANKS: Final = "\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

#: Small letters that Unicode does not take apart, and the Latin letter that each is looked up as: those of Unicode
#: CLDR's transform Latin-ASCII that alphabets in use have, by stroke, bar, hook or tail. And the final sigma.
SINGLE_LETTERS: Final = (
    "ςøłđðħıĸŋŧƀɓƃƈɖɗƌƒǥɠɨƙƚƞɲƥƫƭʈʉʋƴƶȷȼɇɉɍɏⱥⱦ",
    "σolddhiqntbbbcdddfggiklnnptttuvyzjcejryat",
)
#: Letters that are looked up as two.
DOUBLE_LETTERS: Final = {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}

#: So many characters of a folded text decide on its place; a text that folds to more does not fit into an index.
MAX_SORTED_LENGTH: Final = 255

_MARKS: Final = re.compile("[\u0300-\u036f]+")
_RUN_OF_BLANKS: Final = re.compile(f"[{BLANKS}]+")
_LETTERS: Final = str.maketrans(dict(zip(*SINGLE_LETTERS, strict=True)) | DOUBLE_LETTERS)

#: General categories of characters that show nothing: controls, formats, and separators of words, lines, paragraphs.
_INVISIBLE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
#: Letters, marks and symbols that show nothing: the grapheme joiner, fillers of Hangul, inherent vowels of Khmer,
#: selectors of variants, the empty pattern of Braille, and what is reserved for more of the kind.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)


def normal(text: str) -> str:
    """Return a text in the form in which texts are stored and compared, NFC.

    >>> normal("Rene\\u0301e") == "Ren\\u00e9e"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_blank(text: str) -> bool:
    """Return whether a text is empty or shows nothing: it has blanks and invisible characters only."""
    return all(unicodedata.category(c) in _INVISIBLE_CATEGORIES or _INVISIBLE.match(c) for c in text)


def sorting_key(text: str) -> tuple[str, str]:
    """Return what texts are sorted by: the first MAX_SORTED_LENGTH characters of the folded text, then the text."""
    return fold(text)[:MAX_SORTED_LENGTH], text


def fold(text: str) -> str:
    """Return a text in the form in which texts are searched and sorted: without case, accents and runs of blanks.

    That is NFKD without the combining marks U+0300 to U+036F, then NFC, lower case, SINGLE_LETTERS and DOUBLE_LETTERS,
    and one blank for each run of blanks. PostgreSQL's ``crm_fold`` is the same function; characters that are newer
    than Unicode 14.0 may differ, as each knows the Unicode of its own version.

    >>> fold("\\u00c1lvaro  STRASSE"), fold("\\u039f\\u0394\\u039f\\u03a3") == fold("\\u03bf\\u03b4\\u03bf\\u03c2")
    ('alvaro strasse', True)
    """
    if text.isascii():
        folded = text.lower()
    else:
        bare = _MARKS.sub("", unicodedata.normalize("NFKD", text))
        folded = unicodedata.normalize("NFC", bare).lower().translate(_LETTERS)
    return _RUN_OF_BLANKS.sub(" ", folded)
