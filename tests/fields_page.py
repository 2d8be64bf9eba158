"""``docs/reference/fields.md``: every field of every record, from the entities. Run this module to write the page."""

import pathlib
from collections.abc import Iterator

from crm_core.input.fields import Field, fields_of
from crm_core.model.sentences import field_sentences
from crm_core.resources import RESOURCES
from crm_http.openapi.schemas import ITEMS

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "reference" / "fields.md"
_INTRODUCTION = """\
# Fields

What each field of each record means. The sentences stand beside the entities in the code, and the server's own
description at `/docs/` shows the same ones. `python -m tests.fields_page` writes this page.

"Set by the server" fields are in answers only. What is not required may be left out when a record is created.
"""


def page() -> str:
    """The text of the page."""
    return "\n".join([_INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    for entity in (*(resource.entity for resource in RESOURCES.values()), *ITEMS):
        yield f"## {entity.__name__}\n"
        yield "| field | kind | | meaning |"
        yield "| --- | --- | --- | --- |"
        for name, field in fields_of(entity).items():
            yield f"| `{name}` | {_kind(field)} | {_role(field)} | {field_sentences(entity)[name]} |"
        yield ""


def _kind(field: Field) -> str:
    options = " ".join(f"`{option}`" for option in field.limits.get("enum", ()))
    return options or field.kind.replace("_", " ")


def _role(field: Field) -> str:
    return "set by the server" if field.output_only else "required" if field.required else ""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
