"""Adds up JUnit files and prints the closing line: N passed, N failed."""
import sys
import xml.etree.ElementTree as tree


def main(paths):
    passed = failed = skipped = 0
    for path in paths:
        for case in tree.parse(path).getroot().iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
                failed += 1
                print(f"FAILED {case.get('classname')}.{case.get('name')}")
                if path.endswith("unit.xml"):  # ctest keeps quiet
                    print((case.findtext("system-out") or "")[-4000:])
            elif case.find("skipped") is not None:
                skipped += 1
            else:
                passed += 1
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main(sys.argv[1:]))
