"""The files of the page that shows the document."""
