#!/usr/bin/python3
"""The journal catalogs have an entry for each MESSAGE_ID that the code has, in both languages, and
use no field that the record may lack.

    tests/catalog.py SOURCE_DIR
"""

import re
import sys

# what each record has for sure; journalctl shows the bare name of a field that is missing
ENDPOINT_FIELDS = {"VPCE_ENDPOINT", "VPCE_HOST", "VPCE_STATE", "VPCE_OLD_STATE", "VPCE_VERDICT",
                   "VPCE_OLD_VERDICT", "VPCE_REMEDY"}
LIFECYCLE_FIELDS = {"VPCE_ACTION", "VPCE_RESULT", "VPCE_INSTANCE_ID", "VPCE_SUMMARY",
                    "VPCE_REMEDY"}
FIELDS = {"6f5bbbd6568e4ed6b16a31bfc46b1181": ENDPOINT_FIELDS,
          "bde3123f461541a29cf369dbace186ed": {"VPCE_STATE", "VPCE_OLD_STATE"},
          "2c60d1819c0b4e67a400bdf38d4b667a": LIFECYCLE_FIELDS,
          "8a8623e8b5ec4d7b8119028ee4b9edb0": LIFECYCLE_FIELDS}


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def entries(path):
    """[(id, text)]"""
    parts = re.split(r"^-- (.*)$", read(path), flags=re.M)
    return list(zip(parts[1::2], parts[2::2]))


def check(path, ids):
    wrong = []
    found = entries(path)
    names = [entry[0] for entry in found]
    for message_id in sorted(ids - set(names)):
        wrong.append(f"no entry for {message_id}")
    for message_id in sorted(set(names) - ids):
        wrong.append(f"nobody sends {message_id}")
    if len(set(names)) != len(names):
        wrong.append("two entries for one id")
    for message_id, text in found:
        used = set(re.findall(r"@([^@\s]*)@", text))
        missing = used - FIELDS.get(message_id, set())
        if not re.match(r"\nSubject: .+\nDefined-By: vpce-probe\n\n\S", text):
            wrong.append(f"{message_id}: no proper head")
        if missing:
            wrong.append(f"{message_id}: not in every record: {sorted(missing)}")
        if any(not re.fullmatch("[A-Z_]+", name) for name in used):
            wrong.append(f"{message_id}: systemd fills in upper case letters and _ alone: {used}")
        # columns, more or less: what is not ASCII takes two
        for line in text.splitlines():
            if not line.startswith("@") and sum(1 + (ord(c) > 0x2e80) for c in line) > 100:
                wrong.append(f"{message_id}: a long line: {line}")
    return [f"{path}: {what}" for what in wrong]


def main():
    source = sys.argv[1]
    ids = set(re.findall(r'"([0-9a-f]{32})"', read(f"{source}/systemd/journal.c")))
    english = f"{source}/systemd/vpce-probe.catalog"
    japanese = f"{source}/systemd/vpce-probe.ja.catalog"
    wrong = check(english, ids) + check(japanese, ids)
    for (one, a), (_, b) in zip(entries(english), entries(japanese)):
        if sorted(re.findall(r"@(\w+)@", a)) != sorted(re.findall(r"@(\w+)@", b)):
            wrong.append(f"{one}: the languages differ in their fields")
    print("\n".join(wrong) if wrong else f"{len(ids)} ids, an entry each in both languages")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
