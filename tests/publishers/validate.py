"""Validates messages for a test: validate.py FOLDER, with the schemas of docs/schema/. Reads a JSON array of [schema, message] from
standard input, and writes an array with whether each is valid."""

import json
import pathlib
import sys

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

schemas = {path.name: json.loads(path.read_text()) for path in pathlib.Path(sys.argv[1]).glob("*.json")}
for schema in schemas.values():
    Draft202012Validator.check_schema(schema)
registry = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in schemas.items())
validators = {name: Draft202012Validator({"$ref": name}, registry=registry) for name in schemas}
json.dump([validators[name].is_valid(message) for name, message in json.load(sys.stdin)], sys.stdout)
