"""Says in a few lines how what two databases answered differs: which records, which fields, which values."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from crm_core.engine.receipts import Document
from crm_core.model.plain_values import parse_json
from crm_core.testing.steps import in_words

_MAX_LINES: Final = 20
_MAX_LENGTH: Final = 200


def difference(model: object, tested: object) -> str:
    """Return how an answer differs from the model's, in at most some twenty lines; ids are those of steps.

    Args:
        model: what the model answered.
        tested: what the database under test answered.
    """
    lines = list(_differing("the answer", _shown(model), _shown(tested)))
    left_out = [f"… and {len(lines) - _MAX_LINES} more"] if len(lines) > _MAX_LINES else []
    return in_words("\n".join(["the databases differ:", *lines[:_MAX_LINES], *left_out]))


def _shown(answer: object) -> Any:
    """Return an answer with documents as what they hold, records of lists by id, and objects as their fields."""
    if isinstance(answer, Document):
        return {"version": answer.version, "document": parse_json(answer.body), "replayed": answer.is_replayed}
    if isinstance(answer, bytes):
        return _records(answer)
    if isinstance(answer, Mapping):
        return {str(name): _shown(value) for name, value in answer.items()}
    if attrs.has(kind := type(answer)):
        return {name: _shown(getattr(answer, name)) for name in attrs.fields_dict(kind)}
    if isinstance(answer, list | tuple):
        return [_shown(each) for each in answer]
    return answer


def _records(body: bytes) -> Any:
    """Return the records of a list by id, and their order; other JSON as it is."""
    found = parse_json(b"[%b]" % body)
    if not all(isinstance(each, Mapping) and "id" in each for each in found):
        return found
    ids = [str(record["id"]) for record in found]
    return {"order": ids, **dict(zip(ids, found, strict=True))}


def _differing(place: str, model: Any, tested: Any) -> Iterator[str]:
    if isinstance(model, Mapping) and isinstance(tested, Mapping):
        for name in dict.fromkeys([*model, *tested]):
            if name not in tested or name not in model:
                yield f"{place}: {name} is missing {'in the tested database' if name in model else 'in the model'}"
            else:
                yield from _differing(f"{place}: {name}", model[name], tested[name])
    elif _is_list(model) and _is_list(tested) and len(model) == len(tested):
        for index, (one, other) in enumerate(zip(model, tested, strict=True)):
            yield from _differing(f"{place}[{index}]", one, other)
    elif model != tested or type(model) is not type(tested):
        yield f"{place}: {_brief(model)} in the model, {_brief(tested)} in the tested database"


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _brief(value: object) -> str:
    text = in_words(repr(value))
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"
