"""Prints "PASSED FAILED" for a JUnit report of ctest: the cases of each GoogleTest program as it counted them
itself (Python's unittest likewise), one for any other program. A program that failed counts at least one failure."""

import re
import sys
import xml.etree.ElementTree

passed = failed = 0
try:
    tests = xml.etree.ElementTree.parse(sys.argv[1]).getroot().iter("testcase")
except (OSError, xml.etree.ElementTree.ParseError):
    tests, failed = [], 1
for test in tests:
    if test.get("name") in ("engine.up", "engine.down") and test.get("status") == "run":
        continue  # fixtures, not tests
    text = test.findtext("system-out") or ""
    ok = [int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) tests?\.", text, re.M)]
    bad = [int(n) for n in re.findall(r"^\[  FAILED  \] (\d+) tests?, listed below", text, re.M)]
    if not ok and re.search(r"^OK$", text, re.M):
        ok = [int(n) for n in re.findall(r"^Ran (\d+) tests? in ", text, re.M)]
    broken = test.get("status") != "run"
    passed += sum(ok) if ok else (0 if broken else 1)
    failed += max(sum(bad), 1 if broken else 0)
print(passed, failed)
