"""Files of tables: foreign ones are read, and workbooks written, in child processes with limits (decision 90)."""
