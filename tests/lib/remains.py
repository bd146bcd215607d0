# SPDX-License-Identifier: Apache-2.0
"""Where a text is left: memory, command line and environment of a program's processes, and what it wrote."""
import base64
import pathlib
import re


def family(pid):
    """A process and all below it: {pid: name}."""
    found = {pid: pathlib.Path(f'/proc/{pid}/comm').read_text().strip()}
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        for child in map(int, (task / 'children').read_text().split()):
            found |= family(child)
    return found


def memory_of(pid):
    """What the process can write to: heap, stacks, data, and what it shares."""
    with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as memory:
        for row in maps:
            found = re.match(r'([0-9a-f]+)-([0-9a-f]+) rw', row)
            if found and '[v' not in row:
                low, high = (int(part, 16) for part in found.groups())
                memory.seek(low)
                yield memory.read(high - low)


def written_as(text):
    """The bytes of a text that may stand for it: as it is, by UTF-16, and in base64 at any offset."""
    plain = text.encode()
    forms = {plain, text.encode('utf-16-le')}
    for offset in range(3):     # the first and the last of them depend on what is beside it
        forms.add(base64.b64encode(bytes(offset) + plain)[4 if offset else 0:].rstrip(b'=')[:-2])
    return forms


def places(pids, files, forms, memory=True):
    """Where any of the forms is found; and how many bytes were looked at."""
    found, looked = [], 0

    def look(where, data):
        nonlocal looked
        looked += len(data)
        found.extend(f'{where}: {form!r}' for form in forms if form in data)
    for path in files:
        if path.is_file():
            look(path, path.read_bytes())
    for pid, name in pids.items():
        for what in ('cmdline', 'environ'):
            look(f'{what} of {name}', pathlib.Path(f'/proc/{pid}/{what}').read_bytes())
        for part in memory_of(pid) if memory else ():
            look(f'memory of {name}', part)
    return found, looked
