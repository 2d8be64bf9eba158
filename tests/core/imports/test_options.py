import pytest

from crm_core.errors import InvalidError
from crm_core.imports.options import plain_options, read_options, refuse_other_formats


def test_options_are_read_with_defaults_and_written_back() -> None:
    options = read_options({"format": "csv", "map": ["a=b"], "lenient": "true", "decimal": ","})
    assert (options.map, options.lenient, options.formats.decimal, options.blank) == (("a=b",), True, ",", "keep")
    assert read_options(plain_options(options)) == options


def test_how_a_file_is_imported_does_not_change_its_meaning() -> None:
    options = [read_options({"format": "csv", name: True}) for name in ("lenient", "atomic", "dry_run", "again")]
    assert all(each.meaning == read_options({"format": "csv"}).meaning for each in options)
    assert read_options({"format": "csv", "blank": "clear"}).meaning != options[0].meaning


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "format"),
        ({"format": "ods"}, "format"),
        ({"format": "csv", "lenient": True, "atomic": True}, "atomic"),
        ({"format": "csv", "map": ["name"]}, "map"),
        ({"format": "csv", "map": ["=name"]}, "map"),
        ({"format": "csv", "decimal": ",", "thousands": ","}, "thousands"),
        ({"format": "csv", "dates": "DD.MM"}, "dates"),
        ({"format": "csv", "speed": 3}, "speed"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(sent: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidError) as error:
        read_options(sent)
    assert set(error.value.problems) == {field}


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({"format": "csv", "sheet": "Clients"}, {"sheet"}),
        ({"format": "xlsx", "encoding": "cp1252"}, {"encoding"}),
        (
            {"format": "jsonl", "decimal": ",", "thousands": ".", "dates": "DD.MM.YYYY"},
            {"decimal", "thousands", "dates"},
        ),
    ],
)
def test_options_that_mean_nothing_in_a_format_are_refused_by_name(sent: dict[str, object], fields: set[str]) -> None:
    options = read_options(sent)
    with pytest.raises(InvalidError, match=f"It means nothing in the format {options.format}: leave out") as error:
        refuse_other_formats(options)
    assert set(error.value.problems) == fields


@pytest.mark.parametrize(
    "sent",
    [
        {"format": "xlsx", "sheet": "Clients", "decimal": ","},
        {"format": "csv", "encoding": "cp1252", "dates": "DD.MM.YYYY"},
        {"format": "jsonl", "encoding": "cp1252", "sheet": "", "decimal": ".", "dates": "YYYY-MM-DD"},
    ],
)
def test_options_that_mean_something_or_are_as_usual_are_taken(sent: dict[str, object]) -> None:
    refuse_other_formats(read_options(sent))
