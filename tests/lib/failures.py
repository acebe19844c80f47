"""Prints, for each program of ctest's JUnit report that failed, what its failing cases said: the few lines to look
at first, which tests/run repeats at its very end. Of a program that is no GoogleTest, or died, the last lines."""

import re
import sys
import xml.etree.ElementTree

LINES_PER_CASE, CASES_PER_PROGRAM, WIDTH = 8, 6, 200


def said(text):
    """What stands between "[ RUN ]" and "[  FAILED  ]" of each failing case, from its first failure on."""
    for case, body in re.findall(r"^\[ RUN      \] (\S+)\n(.*?)^\[  FAILED  \] \1", text, re.M | re.S):
        lines = body.splitlines()
        first = next((i for i, line in enumerate(lines) if line.endswith(": Failure")), 0)
        yield case, lines[first : first + LINES_PER_CASE]


def main(path):
    try:
        tests = xml.etree.ElementTree.parse(path).getroot().iter("testcase")
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        print(f"there is no report of the tests: {error}")
        return
    for test in tests:
        if test.get("status") == "run":
            continue
        text = test.findtext("system-out") or ""
        cases = list(said(text))[:CASES_PER_PROGRAM]
        print(f"FAILED {test.get('name')}")
        for case, lines in cases:
            print(f"  {case}")
            for line in lines:
                print(f"    {line[:WIDTH]}")
        if not cases:
            for line in text.splitlines()[-LINES_PER_CASE:]:
                print(f"    {line[:WIDTH]}")


main(sys.argv[1])
