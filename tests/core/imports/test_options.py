import pytest

from crm_core.errors import InvalidError
from crm_core.imports.options import plain_options, read_options


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
