# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml, as tests need it: what may be asked, and whether an answer is as it says."""
import re

import jsonschema
import yaml

from broker import TOP

DOCUMENT = yaml.safe_load((TOP / 'docs' / 'openapi.yaml').read_text())
_resolver = jsonschema.RefResolver('', DOCUMENT)


def operations():
    """(METHOD, path, operation) of each."""
    for path, methods in DOCUMENT['paths'].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def find(method, path):
    path = path.split('?')[0]
    for m, pattern, operation in operations():
        if m == method and re.fullmatch(pattern.replace('{id}', '[^/]+'), path):
            return operation
    raise AssertionError(f'{method} {path} is not in docs/openapi.yaml')


def resolve(schema):
    while '$ref' in schema:
        schema = _resolver.resolve(schema['$ref'])[1]
    return schema


def check(method, path, status, body, content_type='application/json'):
    """Fails unless the answer is one that the description allows."""
    responses = find(method, path)['responses']
    response = resolve(responses.get(str(status), responses['default']))
    assert str(status) in responses or status >= 400, f'{method} {path}: {status} is not described'
    content = response.get('content')
    if not content:
        assert not body, f'{method} {path}: {status} has a body'
        return
    kind = content_type.split(';')[0]
    assert kind in content, f'{method} {path}: {kind}, not {list(content)}'
    if 'schema' in content[kind]:
        jsonschema.Draft202012Validator(content[kind]['schema'], resolver=_resolver).validate(body)
