import pytest

from crm_core.input.readers import ReadContext, no_id, read_nothing


def test_a_reader_of_what_is_never_read_alone_and_an_id_where_nothing_has_one_are_faults_of_the_program() -> None:
    context = ReadContext(no_id)
    with pytest.raises(AssertionError, match="not read by itself"):
        read_nothing(1, context)
    with pytest.raises(AssertionError, match="gets an id"):
        context.new_id()
