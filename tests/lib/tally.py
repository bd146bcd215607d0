#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the results of one suite for tests/run.

tally.py --meson testlog.json          cmocka programs run by `meson test`
tally.py --junit FILE --status N       pytest, with the exit status it had
         [--first FILE]                the report of the run before this one

With --first, a case that failed in one run of the two and passed in the other has passed.

Prints the reason of every skip and the name of every failure; the last line is
"PASSED FAILED SKIPPED". A program that died without reporting a failed case counts as one failure,
and so does a suite that left no report.
"""
import argparse
import json
import re
import xml.etree.ElementTree as ET

TAP = re.compile(r'^(not )?ok\b[ \t]*(\d*)[ \t]*-?[ \t]*([^#\n]*)(?:#[ \t]*(skip\b)?(.*))?$',
                 re.IGNORECASE | re.MULTILINE)


def tally_tap(program, result, output):
    """(passed, failed, skipped, remarks) of one program's TAP output and meson's verdict on it."""
    passed = failed = skipped = 0
    remarks = []
    for bad, _number, name, skip, rest in TAP.findall(output):
        if skip:
            skipped += 1
            remarks.append(f'skipped: {program}: {name.strip()}: {rest.strip() or "no reason given"}')
        elif bad:
            failed += 1
            remarks.append(f'FAILED: {program}: {name.strip()}')
        else:
            passed += 1
    if result in ('OK', 'EXPECTEDFAIL'):
        if not passed + failed + skipped:
            passed = 1
    elif result == 'SKIP':
        if not skipped:
            skipped = 1
            remarks.append(f'skipped: {program}: the whole program')
    elif not failed:
        failed = 1
        remarks.append(f'FAILED: {program}: {result}')
    return passed, failed, skipped, remarks


def tally_meson(path):
    total = [0, 0, 0]
    remarks = []
    with open(path, encoding='utf-8') as log:
        for line in log:
            test = json.loads(line)
            output = (test.get('stdout') or '') + '\n' + (test.get('stderr') or '')
            *numbers, said = tally_tap(test['name'], test['result'], output)
            total = [a + b for a, b in zip(total, numbers)]
            remarks += said
    return (*total, remarks)


def passed_in(path):
    return {(case.get('classname'), case.get('name'))
            for case in ET.parse(path).getroot().iter('testcase')
            if all(case.find(bad) is None for bad in ('failure', 'error', 'skipped'))}


def tally_junit(path, status, first=None):
    passed = failed = skipped = steadied = 0
    remarks = []
    try:
        before = passed_in(first) if first else set()
        cases = list(ET.parse(path).getroot().iter('testcase'))
    except (OSError, ET.ParseError) as why:
        return 0, 1, 0, [f'FAILED: no report: {why}']
    for case in cases:
        name = f'{case.get("classname")}.{case.get("name")}'
        skip = case.find('skipped')
        bad = case.find('failure') is not None or case.find('error') is not None
        if bad and (case.get('classname'), case.get('name')) in before:
            passed += 1
            steadied += 1
            remarks.append(f'failed in the second run only: {name}')
        elif bad:
            failed += 1
            remarks.append(f'FAILED: {name}')
        elif skip is not None:
            skipped += 1
            remarks.append(f'skipped: {name}: {skip.get("message") or "no reason given"}')
        else:
            passed += 1
    if status not in (0, 1) or (status == 1 and not failed and not steadied):
        failed += 1
        remarks.append(f'FAILED: pytest ended with status {status}')
    return passed, failed, skipped, remarks


def main():
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument('--meson')
    flags.add_argument('--junit')
    flags.add_argument('--status', type=int, default=0)
    flags.add_argument('--first')
    args = flags.parse_args()
    if args.meson:
        try:
            *numbers, remarks = tally_meson(args.meson)
        except (OSError, ValueError) as why:
            numbers, remarks = (0, 1, 0), [f'FAILED: no report: {why}']
    else:
        *numbers, remarks = tally_junit(args.junit, args.status, args.first)
    for remark in remarks:
        print('   ' + remark)
    print(*numbers)


if __name__ == '__main__':
    main()
