"""Write the typed arguments and operations from the entities: ``python -m tests.generate_client``.

The arguments are in ``crm_core.arguments``; the operations that take them are in ``crm_http.client`` for calls over
HTTP, and in ``crm_core.embedding`` for calls in process. A type checker needs the fields as text, so they are written
into files; ``tests/http/test_client_inputs.py`` fails when the files are not what the entities say. What a record may
hold is said by its class and by its row in ``crm_core.resources``, and nothing of it is repeated here.
"""

import pathlib
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from crm_core.engine.parameters import filter_parameters
from crm_core.imports.options import ImportOptions
from crm_core.input.fields import Field, FieldKind, fields_of
from crm_core.model import entities
from crm_core.model.sentences import clause, field_sentences
from crm_core.resources import RESOURCES, Resource
from crm_core.rules.tasks_and_notes import TaskUpdate
from crm_core.webhooks import entity as webhooks
from crm_http.openapi.inputs import PLAIN, input_schema
from crm_http.openapi.parameters import query_parameters

ROOT: Final = pathlib.Path(__file__).parents[1]

_MADE: Final = "Made by tests/generate_client.py from the entities; do not edit."
_FILTER_VALUE: Final = """
#: What a filter by attribute compares with; several values for ``__in``.
FilterValue: TypeAlias = str | float | Decimal | dt.date | Sequence[str | float | Decimal | dt.date]
"""
#: How Python writes what JSON has.
_PYTHON: Final = {"null": "None", "`true`": "`True`", "`false`": "`False`"}
#: What the filter says that stands for one of each attribute.
_ATTRIBUTE_FILTERS: Final = (
    "Only those with these values of attributes, by name. A name may end with `__gt`, `__gte`, `__lt`, `__lte`, "
    "`__in`, `__contains` or `__isnull`."
)
#: The items of lists in records, which have no operations of their own.
_ITEMS: Final = (
    entities.Task,
    entities.Note,
    entities.Stage,
    entities.TeachingAssistant,
    webhooks.Condition,
)
#: How code imports what a file may name, by the name.
_IMPORTS: Final[Mapping[str, str]] = {
    "dt": "import datetime as dt",
    "Decimal": "from decimal import {}",
    **dict.fromkeys(("Mapping", "Sequence"), "from collections.abc import {}"),
    **dict.fromkeys(("BinaryIO", "Literal", "Required", "TypedDict", "Unpack"), "from typing import {}"),
    "UUID": "from uuid import UUID",
    **{each.__name__: f"from {each.__module__} import {{}}" for each in _ITEMS},
    **{row.entity.__name__: f"from {row.entity.__module__} import {{}}" for row in RESOURCES.values()},
    **dict.fromkeys(
        (*(f"{each.__name__}Input" for each in _ITEMS), "FilterValue"), "from crm_core.arguments.items import {}"
    ),
    "UniqueParameter": "from crm_core.arguments.values import {}",
}
#: The ends of the names of the arguments of a resource's operations.
_ARGUMENTS: Final = ("Create", "Filters", "Merge", "Update")
#: What the operations of a resource can do beside those of all: the ends of the names of their base classes.
_BASES: Final = ("", "WithBulk", "WithTasks", "WithImages")


@attrs.frozen(kw_only=True)
class Flavour:
    """How operations are carried out, and where they are written.

    Attributes:
        package: the package of the modules.
        suffix: the end of the names of the classes.
        define: the beginning of a method, but for its name.
        lists: the decorator of a method that returns a list.
        result: the annotation of what a method returns.
        returns: the statement that returns what a hook of the base class returns.
        imports: how code imports what only this flavour has, by the name.
        of_lists: what lists say of being read.
        of_keys: what the argument `idempotency_key` says of itself.
        of_exports: what exports say of themselves.
        of_blanks: why None and empty values are refused.
    """

    package: str
    suffix: str
    define: str
    lists: str
    result: str
    returns: str
    imports: Mapping[str, str]
    of_lists: str
    of_keys: str
    of_exports: str
    of_blanks: str


HTTP: Final = Flavour(
    package="crm_http.client",
    suffix="Operations",
    define="@operation\n    def",
    lists="@listing\n    def",
    result="Operation[{}]",
    returns="return",
    imports={
        "WebhookWithSecret": "from crm_core.webhooks.reports import {}",
        **dict.fromkeys(("ListQuery", "listing"), "from crm_http.client.listings import {}"),
        **dict.fromkeys(("D_co", "Operation", "operation"), "from crm_http.client.operations import {}"),
        "EvolvingOperations": "from crm_http.client.evolutions import {}",
        "PAGE_SIZE": "from crm_core.embedding.listings import {}",
        **dict.fromkeys(("RecordOperations", "RecordOperationsWithBulk"), "from crm_http.client.records import {}"),
        **dict.fromkeys(
            ("RecordOperationsWithTasks", "RecordOperationsWithImages"),
            "from crm_http.client.item_operations import {}",
        ),
    },
    of_lists="they are requested page by page while they are read",
    of_keys="""a key of your own. A repetition with the same key, for a day and also by a program that
                was started again, creates nothing and returns the same record. Without one, the client makes a key
                for its own retries.""",
    of_exports="""

        It is not retried after a lost answer (NoResponseError), as a part may have been written.""",
    of_blanks="as the server would ignore them",
)
IN_PROCESS: Final = Flavour(
    package="crm_core.embedding",
    suffix="Calls",
    define="@call\n    async def",
    lists="@listing\n    def",
    result="{}",
    returns="return await",
    imports={
        "WebhookWithSecret": "from crm_core.webhooks.reports import {}",
        **dict.fromkeys(("PAGE_SIZE", "ListQuery", "listing"), "from crm_core.embedding.listings import {}"),
        **dict.fromkeys(("R_co", "call"), "from crm_core.embedding.calls import {}"),
        "EvolvingCalls": "from crm_core.embedding.evolutions import {}",
        **dict.fromkeys(("RecordCalls", "RecordCallsWithBulk"), "from crm_core.embedding.records import {}"),
        **dict.fromkeys(("RecordCallsWithTasks", "RecordCallsWithImages"), "from crm_core.embedding.items import {}"),
    },
    of_lists="they are read page by page",
    of_keys="""a key of your own. A repetition with the same key, for a day, creates nothing and returns
                the same record.""",
    of_exports="",
    of_blanks="as a list would ignore them",
)


def generated() -> dict[pathlib.Path, str]:
    """Return the text of every file that is made, by its path."""
    modules = {module_of(row): row for row in RESOURCES.values()}
    arguments = _folder("crm_core.arguments")
    files = {arguments / "items.py": _items(), arguments / "__init__.py": _init_of_arguments(modules)}
    files |= {arguments / f"{module}.py": _arguments(row) for module, row in modules.items()}
    for flavour in (HTTP, IN_PROCESS):
        resources = _folder(flavour.package) / "resources"
        files |= {resources / f"{module}.py": _operations(row, flavour) for module, row in modules.items()}
        files[resources / "__init__.py"] = _init(modules, flavour)
    return {path: _formatted(text) for path, text in files.items()}


def _folder(package: str) -> pathlib.Path:
    return ROOT.joinpath(*package.split("."))


def module_of(resource: Resource) -> str:
    return resource.path.replace("-", "_")


def _items() -> str:
    change = {name: _type(field) for name, field in fields_of(TaskUpdate).items() if name != "task_id"}
    parts = [
        _FILTER_VALUE,
        *(
            _typed_dict(f"{item.__name__}Input", f"The fields of a {_words(item)}.", _members(item), _sentences(item))
            for item in _ITEMS
        ),
        _typed_dict("ImportInput", "What an import is asked for.", _import_options(), _sentences(ImportOptions)),
        _typed_dict(
            "TaskChange", "The fields of a task that can be changed alone.", change, field_sentences(TaskUpdate)
        ),
    ]
    return _module(
        "The items that lists in records hold, as they are sent.",
        parts,
        own=("FilterValue", "TypeAlias", "Decimal"),
        imports=_IMPORTS,
    )


def _import_options() -> dict[str, str]:
    columns = {"map": "Mapping[str, str] | list[str] | tuple[str, ...]"}
    return {name: _type(field) for name, field in fields_of(ImportOptions).items()} | columns


def _arguments(resource: Resource) -> str:
    name = resource.entity.__name__
    one, many = resource.label
    fields = {field: each for field, each in resource.fields.items() if not each.output_only}
    updates = {field: _type(each) for field, each in fields.items()}
    merges = {
        field: kind if fields[field].required or kind.endswith(" | None") else f"{kind} | None"
        for field, kind in updates.items()
    }
    entity: type = resource.entity
    sentences = field_sentences(entity)
    parts = [
        _typed_dict(
            f"{name}Create", f"The fields of a new {one}.", _members(resource.entity), _sentences(resource.entity)
        ),
        _typed_dict(f"{name}Update", f"The fields of {_article(one)} that can be changed.", updates, sentences),
        _typed_dict(
            f"{name}Merge",
            f"The fields of {_article(one)} that can be merged; None resets a field.",
            merges,
            _sentences(resource.entity, merge=True),
        ),
        _typed_dict(
            f"{name}Filters",
            f"Which {many} are listed, and in which order.",
            _filters(resource),
            _filter_sentences(resource),
        ),
    ]
    return _module(f"What the operations of {many} take.", parts, imports=_IMPORTS)


def _operations(resource: Resource, flavour: Flavour) -> str:
    name = resource.entity.__name__
    imports = {
        **_IMPORTS,
        **flavour.imports,
        **{f"{name}{end}": f"from crm_core.arguments.{module_of(resource)} import {{}}" for end in _ARGUMENTS},
    }
    return _module(f"The operations of {resource.label[1]}.", [_class(resource, flavour)], imports=imports)


def _class(resource: Resource, flavour: Flavour) -> str:
    name = resource.entity.__name__
    one, many = resource.label
    entity = "WebhookWithSecret" if resource.entity is webhooks.Webhook else name
    base = "" if resource.entity is webhooks.Webhook else "WithBulk"
    if resource.has_tasks_and_notes:
        base = "WithImages" if resource.has_images else "WithTasks"
    driver = "D_co" if flavour is HTTP else "R_co"
    name_of_base, arguments = f"Record{flavour.suffix}{base}", f"{driver}, {entity}"
    if resource.entity is entities.Attribute:
        name_of_base, arguments = f"Evolving{flavour.suffix}", driver
    change = f"if_match: {entity} | int | None = None, idempotency_key: str | None = None"
    result, nothing = flavour.result.format(entity), flavour.result.format("None")
    return f'''
class {_class_name(resource, flavour)}({name_of_base}[{arguments}]):
    """The operations of {many}."""

    {flavour.lists} list(
        self, /, *, limit: int | None = None, page_size: int = PAGE_SIZE, **filters: Unpack[{name}Filters]
    ) -> ListQuery[{entity}]:
        """Return the {many} that match all filters; {flavour.of_lists}.

        Args:
            limit: the most records in all.
            page_size: the records that are read at once, from 1 to 1,000.
            filters: what to compare with. None and empty values are refused, {flavour.of_blanks}.
        """
        return self._list(limit, page_size, filters)

    {flavour.define} export(
        self,
        to: BinaryIO,
        /,
        *,
        format: Literal["csv", "xlsx", "jsonl"] = "csv",
        bom: bool = False,
        **filters: Unpack[{name}Filters],
    ) -> {nothing}:
        """Write the {many} that match all filters to a binary file, piece by piece.{flavour.of_exports}

        Args:
            to: the file.
            format: the format of the file.
            bom: begin a CSV file with a byte order mark, by which Excel knows UTF-8.
            filters: as in ``list``.
        """
        {flavour.returns} self._export(to, format, filters, bom=bom)

    {flavour.define} create(
        self, /, *, idempotency_key: str | None = None, **values: Unpack[{name}Create]
    ) -> {result}:
        """Create {_article(one)}; return it.

        Args:
            idempotency_key: {flavour.of_keys}
            values: the fields of the record.
        """
        {flavour.returns} self._create(values, idempotency_key)

    {flavour.define} change(
        self, id_: UUID | str, /, *, {change}, **values: Unpack[{name}Update]
    ) -> {result}:
        """Set some fields of {_article(one)}; return it.

        Args:
            id_: the id of the record.
            if_match: the record as it was retrieved, or its version. If the record was changed since, nothing is
                changed and VersionConflictError is raised.
            idempotency_key: as in ``create``.
            values: the fields to set.
        """
        {flavour.returns} self._change(id_, values, if_match, idempotency_key)

    {flavour.define} merge(
        self, id_: UUID | str, /, *, {change}, **values: Unpack[{name}Merge]
    ) -> {result}:
        """Set some fields, and of fields that are objects only the named members (RFC 7396); return the record.

        This sets single attributes, or removes them with None.

        Args:
            id_: the id of the record.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
            values: the fields to set.
        """
        {flavour.returns} self._merge(id_, values, if_match, idempotency_key)
{_upsert(resource, flavour) if resource.has_catalog else ""}'''


def _upsert(resource: Resource, flavour: Flavour) -> str:
    name, one = resource.entity.__name__, resource.label[0]
    result = flavour.result.format(name)
    return f'''
    {flavour.define} upsert(
        self, /, *, by: str, value: UniqueParameter, only: Literal["create", "change"] | None = None,
        if_match: {name} | int | None = None, idempotency_key: str | None = None, **values: Unpack[{name}Update]
    ) -> {result}:
        """Set some fields of the {one} that has a value of a unique attribute, or create one; return it.

        Args:
            by: the name of the unique attribute.
            value: its value; ``attributes`` may leave it out.
            only: ``create`` or ``change`` to do nothing else; VersionConflictError is raised where that cannot be done.
            if_match: as in ``change``; nothing is created then.
            idempotency_key: as in ``create``.
            values: the fields to set; those that a new record needs are needed where there may be none.
        """
        {flavour.returns} self._upsert(by, value, values, only, if_match, idempotency_key)

    {flavour.define} retrieve_by(self, by: str, value: UniqueParameter, /) -> {result}:
        """Return the {one} that has a value of a unique attribute.

        Args:
            by: the name of the unique attribute.
            value: its value.
        """
        {flavour.returns} self._retrieve_by(by, value)
'''


def _members(entity: type) -> dict[str, str]:
    """Return the types of the fields that can be sent with a new record, by name."""
    return {
        name: f"Required[{_type(field)}]" if field.required else _type(field)
        for name, field in fields_of(entity).items()
        if not field.output_only
    }


def _filters(resource: Resource) -> dict[str, str]:
    members = {
        parameter: "bool" if operator == "isnull" else _plain_type(resource.fields[name])
        for parameter, (name, operator) in filter_parameters(resource).items()
    }
    if "attributes" in resource.fields:
        members["attributes"] = "Mapping[str, FilterValue]"
    members["search"] = "str"
    if orders := [sign + name for name in resource.ordering for sign in ("", "-")]:
        members["ordering"] = _literal(orders)
    return members


def _type(field: Field) -> str:
    return f"{_plain_type(field)} | None" if field.nullable and field.kind != "json" else _plain_type(field)


def _plain_type(field: Field) -> str:
    return _TYPES[field.kind](field)


def _literal(options: Sequence[str]) -> str:
    return f"Literal[{', '.join(f'{option!r}' for option in options)}]"


def _texts(field: Field) -> str:
    # A text is a sequence of texts, too, and no list of them.
    options = field.limits.get("enum")
    return f"Sequence[{_literal(options)}]" if options else "list[str] | tuple[str, ...]"


_TYPES: Final[Mapping[FieldKind, Callable[[Field], str]]] = {
    "text": lambda _: "str",
    "integer": lambda _: "int",
    "decimal": lambda _: "Decimal | int | str",
    "boolean": lambda _: "bool",
    "date": lambda _: "dt.date | str",
    "datetime": lambda _: "dt.datetime | str",
    "date_or_datetime": lambda _: "dt.date | dt.datetime | str",
    "choice": lambda field: _literal(field.limits["enum"]),
    "uuid": lambda _: "UUID | str",
    "items": lambda field: "Sequence[{0}Input | {0}]".format(field.item.__name__ if field.item else ""),
    "texts": _texts,
    "mapping": lambda _: "Mapping[str, str]",
    "attributes": lambda _: "Mapping[str, object]",
    "json": lambda _: "object",
}


def _sentences(entity: type, *, merge: bool = False) -> Mapping[str, str]:
    """Return a sentence for each field of a new record or a merge patch, which also says the default."""
    members = input_schema(entity, PLAIN, merge=merge)["properties"]
    return {name: member["description"] for name, member in members.items()}


def _filter_sentences(resource: Resource) -> Mapping[str, str]:
    described = {each["name"]: each["description"] for each in query_parameters(resource, PLAIN)}
    return described | {"attributes": _ATTRIBUTE_FILTERS}


def _typed_dict(name: str, doc: str, members: Mapping[str, str], sentences: Mapping[str, str]) -> str:
    described = "\n".join(_described(member, sentences[member]) for member in members)
    fields = "\n".join(f"    {member}: {kind}" for member, kind in members.items())
    doc = f"{doc}\n\n    Attributes:\n{described}\n    "
    return f'class {name}(TypedDict, total=False):\n    """{doc}"""\n\n{fields}\n'


def _described(name: str, sentence: str) -> str:
    """Return the lines about a member in the docstring of its class."""
    indent = " " * 8
    text = f"{name}: {clause(_in_python(sentence))}"
    return textwrap.fill(text, 120, initial_indent=indent, subsequent_indent=f"{indent}    ")


def _in_python(sentence: str) -> str:
    return re.sub(r"\bnull\b|`(?:true|false)`", lambda word: _PYTHON[word[0]], sentence)


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _words(entity: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", " ", entity.__name__).lower()


def _class_name(resource: Resource, flavour: Flavour) -> str:
    infix = "Record" if resource.entity is webhooks.Webhook else ""
    return f"{resource.entity.__name__}{infix}{flavour.suffix}"


def _module(doc: str, parts: Sequence[str], own: Sequence[str] = (), *, imports: Mapping[str, str]) -> str:
    code = "\n\n".join(parts)
    return f'"""{doc}\n\n{_MADE}\n"""\n\n{_import_lines(code, own, imports)}\n\n{code}'


def _import_lines(code: str, own: Sequence[str], imports: Mapping[str, str]) -> str:
    made = set(re.findall(r"^class (\w+)", code, re.MULTILINE)) | set(own)
    named = set(re.findall(r"\w+", re.sub(r'""".*?"""|\'[^\']*\'', "", code, flags=re.DOTALL)))
    lines = [line.format(name) for name, line in imports.items() if name in named - made]
    if "TypeAlias" in own:
        lines += ["from decimal import Decimal", "from typing import TypeAlias"]
    return "\n".join(lines)


def _init(modules: Mapping[str, Resource], flavour: Flavour) -> str:
    """Return the package of a flavour's operations; that of the client has their arguments, too."""
    names = {module: [_class_name(row, flavour)] for module, row in modules.items()}
    taken = {f"{flavour.package}.resources.{module}": own for module, own in names.items()}
    if flavour is HTTP:
        taken |= _arguments_by_module(modules)
    doc = "The inputs and operations of all resources." if flavour is HTTP else "The operations of all resources."
    return _reexporting(doc, taken)


def _init_of_arguments(modules: Mapping[str, Resource]) -> str:
    items = [*(f"{each.__name__}Input" for each in _ITEMS), "FilterValue", "ImportInput", "TaskChange"]
    others = {"crm_core.arguments.bulk": ["BulkOp", "BulkOperation"], "crm_core.arguments.values": ["UniqueParameter"]}
    doc = "What typed operations take, in process and over HTTP: the types of their arguments."
    return _reexporting(doc, {"crm_core.arguments.items": items, **others, **_arguments_by_module(modules)})


def _arguments_by_module(modules: Mapping[str, Resource]) -> dict[str, list[str]]:
    return {
        f"crm_core.arguments.{module}": [f"{row.entity.__name__}{end}" for end in _ARGUMENTS]
        for module, row in modules.items()
    }


def _reexporting(doc: str, taken: Mapping[str, Sequence[str]]) -> str:
    lines = [f"from {module} import {', '.join(names)}" for module, names in taken.items()]
    exported = "\n".join(f'    "{name}",' for name in sorted(name for names in taken.values() for name in names))
    return f'"""{doc}\n\n{_MADE}\n"""\n\n' + "\n".join(lines) + f"\n\n__all__ = [\n{exported}\n]\n"


def _formatted(text: str) -> str:
    for command in (["check", "--select=I", "--fix", "--quiet"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *command, f"--stdin-filename={ROOT / 'crm_core' / 'made.py'}", "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
