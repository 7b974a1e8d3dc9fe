#!/usr/bin/env python3
"""schema.py [SCHEMA]: checks usage events, one JSON object a line on stdin, against the published
schema. Prints what does not fit, at most 20 lines of it, and ends with "N passed, N failed"."""
import json
import os
import sys

try:
    import jsonschema
except ImportError:
    print('skipped: no jsonschema (packaging/deps.sh dev)')
    sys.exit(0)

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      '../include/outlay/event.schema.json')


def no_duplicates(pairs):
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise ValueError('a member occurs twice')
    return dict(pairs)


def findings(validator, line):
    """What is wrong with one line, as texts."""
    try:
        event = json.loads(line, object_pairs_hook=no_duplicates)
    except ValueError as error:
        return [str(error)]
    texts = [f'{error.json_path}: {error.message}' for error in validator.iter_errors(event)]
    if isinstance(event, dict):
        unknown = set(event) - set(validator.schema['properties'])
        texts += [f'{name}: not in the schema' for name in sorted(unknown)]
    return texts


def main():
    with open(sys.argv[1] if len(sys.argv) > 1 else SCHEMA, encoding='utf-8') as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema,
                                                format_checker=jsonschema.FormatChecker())
    passed = failed = 0
    for number, line in enumerate(sys.stdin, 1):
        texts = findings(validator, line)
        passed, failed = passed + (not texts), failed + bool(texts)
        if texts and failed <= 20:
            print(f'{number}: ' + '; '.join(texts)[:300])
    print(f'{passed} passed, {failed} failed')
    return failed > 0 or not passed


if __name__ == '__main__':
    sys.exit(main())
