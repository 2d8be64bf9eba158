"""What imports take beside their options."""

import os
from typing import BinaryIO, TypeAlias

#: A file: its path, or one that is open for reading bytes.
ImportedFile: TypeAlias = str | os.PathLike[str] | BinaryIO
