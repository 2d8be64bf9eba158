from crm_core.errors import UnreadableTableError
from crm_core.tables.rows import Header, header_problems


def test_columns_without_a_name_and_with_the_same_name_are_named() -> None:
    assert header_problems(["Name", "", "city", "name ", "City", "x"]) == [
        "Column B has no name in the header.",
        "The columns A and D have the same name.",
        "The columns C and E have the same name.",
    ]
    assert header_problems(["name", "city"]) == []


def test_an_unreadable_table_names_row_and_column() -> None:
    assert str(UnreadableTableError("It is wrong.", row=3, column=27)) == "file: Row 3, column AB: It is wrong."
    assert str(UnreadableTableError("It is wrong.", row=3)) == "file: Row 3: It is wrong."
    assert str(UnreadableTableError("It is wrong.")) == "file: It is wrong."


def test_the_names_of_a_header_cannot_be_changed_afterwards() -> None:
    names = ["name", "city"]
    header = Header(names, row=1)
    names.clear()

    assert header.names == ("name", "city")
    assert header == Header(("name", "city"), row=1)
