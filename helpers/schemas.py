"""JSON Schema of the files of a run, for programs in any language; docs/schemas holds what this writes.

    python -m helpers.schemas

The types of run.json stand in `runs`, those of model.json and metrics.json in `run_files`. What a schema asks for is
what today's code writes: every field of this version is there. docs/schemas/README.md says how versions change.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from .files import PROJECT, as_json, write_file
from .run_files import Metrics, Model
from .runs import SignedManifest

FOLDER = PROJECT / "docs" / "schemas"
KINDS: dict[str, type[BaseModel]] = {"run": SignedManifest, "metrics": Metrics, "model": Model}


class Untitled(GenerateJsonSchema):
    """Schemas in which a field has no title beside its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False: a title would be the name of the field again, in capitals."""
        return False


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema, of draft 2020-12, of the file `name` of a run: "run", "metrics" or "model"."""
    schema = KINDS[name].model_json_schema(mode="serialization", schema_generator=Untitled)
    return {"$schema": GenerateJsonSchema.schema_dialect} | schema | {"title": f"{name}.json"}


def contents() -> dict[str, bytes]:
    """Return {file name: content} of all schemas."""
    return {f"{name}.schema.json": as_json(schema_of(name)) for name in KINDS}


if __name__ == "__main__":
    for file_name, content in contents().items():
        print(write_file(FOLDER / file_name, content).relative_to(PROJECT))
