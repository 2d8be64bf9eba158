"""The schema of the form of an import: a file, and the options by their names."""

from collections.abc import Mapping

from crm_core.imports.options import ImportOptions
from crm_http.openapi.inputs import Form, input_schema
from crm_http.openapi.schemas import Schema


def import_schemas(form: Form) -> Mapping[str, Schema]:
    """Return the schema of the form, by its name."""
    schema = input_schema(ImportOptions, form)
    file: Schema = {"description": "The file; its name says the format.", "type": "string", "format": "binary"}
    schema["properties"] = {"file": file, **schema["properties"]}
    # Tools that invent a value of every option fill in the file alone by this.
    example = {"file": "name\nAcme Corp\n"}
    return {"ImportUpload": schema | {"required": ["file"], "additionalProperties": False, "examples": [example]}}
