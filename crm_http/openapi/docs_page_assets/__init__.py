"""The files of ``docs_page``: its HTML, style and scripts."""
