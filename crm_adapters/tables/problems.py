"""Why a whole file cannot be read, as the child finds it."""


class FileProblem(Exception):  # noqa: N818  # it ends the reading; the parent raises the error
    """The file cannot be read, or not further.

    Attributes:
        message: what is wrong and what to do, a sentence.
        row: the number of the row; 0 for the file as a whole.
        column: the index of the column; None for the whole row.
    """

    def __init__(self, message: str, row: int = 0, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.row = row
        self.column = column
