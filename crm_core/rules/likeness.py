"""Likeness: which records may stand for the same client, student or lead (decisions 153 to 155).

Records that are alike have a key in common: that of their names, which names that sound alike share, or one of an
e-mail address or telephone number. Stores find records by their keys; how alike their names are is decided here.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, reduce
from itertools import groupby
from typing import Any, Final, NamedTuple
from uuid import UUID

from crm_core.input.texts import fold, unique_form
from crm_core.model.duplicates import DuplicateGroup, DuplicateReason, DuplicateRecord
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.rules.uniqueness import MAX_UNIQUE_LENGTH, is_too_long

#: The most records with one key that are compared, the oldest first.
MAX_ALIKE: Final = 20
#: How similar two names that sound alike must be at least.
MIN_SIMILARITY: Final = 0.3
#: The first characters of the keys of names, and of the values of attributes.
NAME_KEY: Final = "n"
VALUE_KEY: Final = "v"
#: Parts the name of an attribute from its value in a key.
VALUE_SEPARATOR: Final = "\x1f"

#: Words that do not tell names apart: legal forms, articles, and.
WORDS_LEFT_OUT: Final = frozenset(
    {"ag", "and", "bv", "co", "company", "corp", "corporation", "gmbh", "inc", "kg", "limited", "llc", "ltd", "nv"}
    | {"plc", "sa", "sarl", "srl", "the", "und"}
)
_NO_PART_OF_WORDS: Final = re.compile("[^a-z0-9\x80-\U0010ffff]+")
#: Letters that are left out behind the first one of a word.
_SILENT: Final = str.maketrans("", "", "aeiouhwy")
#: Letters that are written twice, and sound as one.
_DOUBLED: Final = "bdfgklmnprst"
#: Letters that sound alike.
_SOUNDS: Final = str.maketrans("cqvz", "kkfs")
_EMAIL: Final = re.compile("[^@ ]+@[^@ ]+[.][^@ ]+")
_TELEPHONE: Final = re.compile("[+]?[0-9 ()./-]+")
_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DIGITS: Final = range(7, 16)
_NO_DIGIT: Final = re.compile("[^0-9]+")

#: How likely records are the same that have the same name, and the same value.
_SAME_NAME: Final = 0.8
_SAME_VALUE: Final = 0.9


class Lookalike(NamedTuple):
    """A record as far as it is compared with others.

    Attributes:
        id: its id.
        name: its name.
        keys: its keys (``likeness_keys``).
    """

    id: UUID
    name: str
    keys: frozenset[str]


class LookalikePage(NamedTuple):
    """A page of records that have keys in common.

    Attributes:
        alike: by key in ascending order, at most MAX_ALIKE records, at least two, by id.
        next: the key after which the next page begins; None at the end.
    """

    alike: Sequence[tuple[str, Sequence[Lookalike]]]
    next: str | None


def likeness_keys(name: str, attributes: Mapping[str, object]) -> frozenset[str]:
    """Return the keys of a record. PostgreSQL's ``crm_likeness`` is the same function."""
    values = ((attribute, contact_key(value)) for attribute, value in attributes.items() if isinstance(value, str))
    own = {f"{VALUE_KEY}{attribute}{VALUE_SEPARATOR}{key}" for attribute, key in values if key}
    return frozenset({f"{NAME_KEY}{name_key(name)}", *own})


def name_key(name: str) -> str:
    """Return what names that sound alike have in common: the consonants of their words, in alphabetical order.

    >>> name_key("Jon Smyth") == name_key("SMITH, John"), name_key("Müller GmbH") == name_key("Mueller")
    (True, True)
    """
    words = _NO_PART_OF_WORDS.sub(" ", fold(name)).split(" ")
    telling = [word for word in words if word and word not in WORDS_LEFT_OUT] or [word for word in words if word]
    return " ".join(sorted(map(_sound, telling)))


def _sound(word: str) -> str:
    spelt = word.replace("ph", "f").replace("ck", "k").translate(_SOUNDS)
    sound = spelt[:1] + spelt[1:].translate(_SILENT)
    return reduce(lambda text, letter: text.replace(letter * 2, letter), _DOUBLED, sound)


def contact_key(value: str) -> str | None:
    """Return what spellings of an e-mail address or telephone number have in common; None for other texts.

    >>> contact_key("Ann@Example.com"), contact_key("+49 (151) 23-45-67"), contact_key("2026-01-31")
    ('ann@example.com', '49151234567', None)
    """
    if len(value) > MAX_UNIQUE_LENGTH:
        return None
    if "@" in value:
        form = "" if is_too_long(value) else unique_form(value)
        return form if _EMAIL.fullmatch(form) else None
    if not _TELEPHONE.fullmatch(value) or _DAY.fullmatch(value):
        return None
    digits = _NO_DIGIT.sub("", value).lstrip("0")
    return digits if len(digits) in _DIGITS else None


def similarity(one: str, other: str) -> float:
    """Return how similar two names are, from 0 to 1: the share of trigrams that they have in common.

    >>> round(similarity("Jon Smith", "John Smith"), 2), similarity("ACME", "acme")
    (0.62, 1.0)
    """
    ours, theirs = _trigrams(one), _trigrams(other)
    return len(ours & theirs) / (len(ours | theirs) or 1)


@lru_cache(maxsize=4_096)
def _trigrams(name: str) -> frozenset[str]:
    words = (f"  {word} " for word in _NO_PART_OF_WORDS.sub(" ", fold(name)).split(" ") if word)
    return frozenset(word[at : at + 3] for word in words for at in range(len(word) - 2))


def page_alike(records: Iterable[Any], after: str, limit: int) -> LookalikePage:
    """Return a page of records that have keys in common, for stores that look through all records."""
    by_key: defaultdict[str, list[Lookalike]] = defaultdict(list)
    for record in records:
        found = Lookalike(record.id, record.name, likeness_keys(record.name, record.attributes))
        for key in found.keys:
            by_key[key].append(found)
    keys = sorted(key for key, alike in by_key.items() if key > after and len(alike) > 1)
    page = [(key, sorted(by_key[key])[:MAX_ALIKE]) for key in keys[:limit]]
    return LookalikePage(page, keys[limit - 1] if len(keys) > limit else None)


def groups_alike(key: str, records: Sequence[Lookalike]) -> Iterator[DuplicateGroup]:
    """Yield the groups of duplicates among records that have a key in common.

    A group comes once: under the key of the names, if they are similar, else under the first value in common.
    """
    sharing = [record for record in records if key in record.keys]
    if key.startswith(NAME_KEY):
        found: Iterable[Sequence[Lookalike]] = _similar(sharing)
    else:
        is_first = key == min(_shared(sharing, VALUE_KEY), default="")
        is_told = bool(_shared(sharing, NAME_KEY)) and len(_similar(sharing)) == 1
        found = [sharing] if is_first and not is_told else ()
    yield from (_group(group) for group in found if len(group) > 1)


def _shared(records: Sequence[Lookalike], kind: str) -> frozenset[str]:
    """Return the keys of a kind that all records have."""
    if not records:
        return frozenset()
    shared = reduce(frozenset.intersection, (record.keys for record in records))
    return frozenset(key for key in shared if key.startswith(kind))


def _similar(records: Sequence[Lookalike]) -> list[list[Lookalike]]:
    """Return records in groups, in which each has a name similar to that of another."""
    groups: list[list[Lookalike]] = []
    for record in records:
        near = [group for group in groups if any(_are_similar(record, other) for other in group)]
        apart = [group for group in groups if group not in near]
        groups = [*apart, [*(other for group in near for other in group), record]]
    return sorted(sorted(group) for group in groups)


def _are_similar(one: Lookalike, other: Lookalike) -> bool:
    return one.name == other.name or similarity(one.name, other.name) >= MIN_SIMILARITY


def _group(records: Sequence[Lookalike]) -> DuplicateGroup:
    reasons = tuple(_reasons(sorted(records)))
    doubt = reduce(lambda left, reason: left * (1 - reason.score), reasons, 1.0)
    shown = tuple(DuplicateRecord(id=record.id, name=record.name) for record in sorted(records))
    return DuplicateGroup(records=shown, reasons=reasons, score=round(1 - doubt, 2))


def _reasons(records: Sequence[Lookalike]) -> Iterator[DuplicateReason]:
    names = [name for name, _ in groupby(sorted(record.name for record in records))]
    if _shared(records, NAME_KEY):
        alike = min(max(similarity(one, other) for other in names if other != one) for one in names) if names[1:] else 1
        if alike >= MIN_SIMILARITY:
            match = "equal" if len({fold(name) for name in names}) == 1 else "similar"
            yield DuplicateReason(field="name", match=match, score=round(_SAME_NAME * alike, 2))
    for key in sorted(_shared(records, VALUE_KEY)):
        name, _, _ = key.removeprefix(VALUE_KEY).partition(VALUE_SEPARATOR)
        yield DuplicateReason(field=f"{ATTRIBUTE_PREFIX}{name}", match="equal", score=_SAME_VALUE)
