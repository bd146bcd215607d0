# SPDX-License-Identifier: Apache-2.0
"""The count at the end of tests/run is only worth something if a dead program cannot hide in it."""
import tally


def test_every_tap_line_counts():
    out = '1..3\nok 1 - reads\nnot ok 2 - writes\nok 3 - flies # SKIP no wings\n'
    passed, failed, skipped, remarks = tally.tally_tap('bird', 'FAIL', out)
    assert (passed, failed, skipped) == (1, 1, 1)
    assert 'FAILED: bird: writes' in remarks
    assert 'skipped: bird: flies: no wings' in remarks


def test_a_program_that_died_after_good_lines_is_a_failure():
    assert tally.tally_tap('bird', 'ERROR', '1..3\nok 1 - reads\n')[:3] == (1, 1, 0)


def test_a_program_without_tap_counts_once():
    assert tally.tally_tap('bird', 'OK', '')[:3] == (1, 0, 0)
    assert tally.tally_tap('bird', 'TIMEOUT', '')[:3] == (0, 1, 0)


def test_pytest_errors_and_skips_are_told_apart(tmp_path):
    report = tmp_path / 'r.xml'
    report.write_text('<testsuites><testsuite>'
                      '<testcase classname="a" name="good"/>'
                      '<testcase classname="a" name="bad"><failure message="x"/></testcase>'
                      '<testcase classname="a" name="broken"><error message="x"/></testcase>'
                      '<testcase classname="a" name="off"><skipped message="no wings"/></testcase>'
                      '</testsuite></testsuites>')
    passed, failed, skipped, remarks = tally.tally_junit(report, 1)
    assert (passed, failed, skipped) == (1, 2, 1)
    assert 'skipped: a.off: no wings' in remarks


def test_a_suite_without_a_report_is_a_failure(tmp_path):
    assert tally.tally_junit(tmp_path / 'none.xml', 3)[:3] == (0, 1, 0)


def test_an_interrupted_suite_is_a_failure(tmp_path):
    report = tmp_path / 'r.xml'
    report.write_text('<testsuite><testcase classname="a" name="good"/></testsuite>')
    assert tally.tally_junit(report, 2)[:3] == (1, 1, 0)


def test_what_passed_in_one_run_of_two_has_passed(tmp_path):
    def report(name, good, bad):
        path = tmp_path / name
        path.write_text('<testsuite>' + ''.join(f'<testcase classname="a" name="{n}"/>' for n in good)
                        + ''.join(f'<testcase classname="a" name="{n}"><failure/></testcase>'
                                  for n in bad) + '</testsuite>')
        return path

    first = report('1.xml', ['steady', 'late'], ['early', 'never'])
    second = report('2.xml', ['steady', 'early'], ['late', 'never'])
    passed, failed, skipped, remarks = tally.tally_junit(second, 1, first)
    assert (passed, failed, skipped) == (3, 1, 0)
    assert remarks == ['failed in the second run only: a.late', 'FAILED: a.never']
    assert tally.tally_junit(report('3.xml', ['steady', 'early', 'never'], ['late']), 1,
                             first)[:3] == (4, 0, 0)
    # no excuse for a run that was cut off
    assert tally.tally_junit(second, 2, first)[:2] == (3, 2)
