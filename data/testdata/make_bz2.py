"""Writes the .bz2 files of the tests: Go's library reads bzip2 and does not write it."""

import bz2
import sys

LINES = b'{"text":"one"}\r\n\r\n{"text":"two","id":"x"}\n{"text":"three"}'
for name, content in (("lines.jsonl.bz2", bz2.compress(LINES)),
                      ("twice.jsonl.bz2", bz2.compress(b'{"text":"one"}\n') + bz2.compress(b'{"text":"two"}\n')),
                      ("bomb.jsonl.bz2", bz2.compress(b"\n" * (64 << 20)))):
    with open(sys.argv[1] + "/" + name, "wb") as f:
        f.write(content)
