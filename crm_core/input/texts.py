"""The forms of texts: as they are stored, as they are searched and sorted (decision 9), and as unique values compare.

What looks the same to readers has several spellings in Unicode. Texts are stored and compared in one of them, NFC.
Searches and orders compare `fold`, which also drops case, accents and the width of blanks. Unique attributes compare
`unique_form`, which drops case and the width of blanks, but keeps accents (decision 84).
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
    "σolddhiqntbbbcdddfggiklnnptttuvyzjcejryat",  # noqa: RUF001  # it begins with the Greek letter
)
#: Letters that are looked up as two.
DOUBLE_LETTERS: Final = {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}

#: So many characters of a folded text decide on its place; a text that folds to more does not fit into an index.
MAX_SORTED_LENGTH: Final = 255

_MARKS: Final = re.compile("[\u0300-\u036f]+")
_RUN_OF_BLANKS: Final = re.compile(f"[{BLANKS}]+")
_LETTERS: Final = str.maketrans(dict(zip(*SINGLE_LETTERS, strict=True)) | DOUBLE_LETTERS)

#: Other characters that show nothing: controls, what Unicode calls default ignorable, anchors of annotations and the
#: empty pattern of Braille. U+0000 is refused for what it is. The content of a class, as BLANKS is.
INVISIBLE: Final = (
    "\x01-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_BLANK: Final = re.compile(f"[{BLANKS}{INVISIBLE}]*")


def normal(text: str) -> str:
    """Return a text in the form in which texts are stored and compared, NFC.

    >>> len("e" + chr(0x301)), len(normal("e" + chr(0x301)))
    (2, 1)
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_blank(text: str) -> bool:
    """Return whether a text is empty or shows nothing: it has blanks and invisible characters only."""
    return _BLANK.fullmatch(text) is not None


def sorting_key(text: str) -> tuple[str, str]:
    """Return what texts are sorted by: the first MAX_SORTED_LENGTH characters of the folded text, then the text."""
    return fold(text)[:MAX_SORTED_LENGTH], text


def fold(text: str) -> str:
    """Return a text in the form in which texts are searched and sorted: without case, accents and runs of blanks.

    That is NFKD without the combining marks U+0300 to U+036F, then NFC, lower case, SINGLE_LETTERS and DOUBLE_LETTERS,
    and one blank for each run of blanks. PostgreSQL's ``crm_fold`` is the same function; characters that are newer
    than Unicode 14.0 may differ, as each knows the Unicode of its own version.

    >>> fold("Álvaro  STRAßE"), fold("Ærøskøbing")
    ('alvaro strasse', 'aeroskobing')
    """
    if text.isascii():
        folded = text.lower()
    else:
        bare = _MARKS.sub("", unicodedata.normalize("NFKD", text))
        folded = unicodedata.normalize("NFC", bare).lower().translate(_LETTERS)
    return _RUN_OF_BLANKS.sub(" ", folded)


#: What lower case leaves of letters that it does not treat alike everywhere: ``İ`` has two small forms, and a small
#: sigma one more at the end of a word.
_SIMPLE_CAPITALS: Final = str.maketrans("Iİ", "ii")
_SMALL_LETTERS: Final = str.maketrans({"ς": "σ", "ß": "ss"})  # noqa: RUF001  # a Greek letter


def unique_form(text: str) -> str:
    """Return a text in the form in which the values of unique attributes are compared; the same for equal ones.

    That is NFKC, lower case with ``ß`` as ``ss``, and no blanks but single ones inside. Accents tell values apart.
    PostgreSQL's ``crm_unique`` is the same function, for the Unicode that both know.

    >>> unique_form(" Straße  7 ") == unique_form("STRASSE 7"), unique_form("Zoe") == unique_form("Zoé")
    (True, False)
    """
    if text.isascii():
        small = text.lower()
    else:
        small = unicodedata.normalize("NFKC", text).translate(_SIMPLE_CAPITALS).lower().translate(_SMALL_LETTERS)
        small = unicodedata.normalize("NFKC", small)
    return _RUN_OF_BLANKS.sub(" ", small).strip(" ")
