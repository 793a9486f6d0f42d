"""Writes nested.parquet with Arrow's own writer, which Hugging Face exports come from: lists of lists, lists of
structs, structs of lists, nulls and empty lists at every level. Needs pyarrow (26.0.1 wrote the file that is kept)."""

import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = [
    {"id": 1, "text": "ä \"quoted\"\n", "ok": True, "x": 0.5, "nested": [["a", "b"], [], None, ["c", None]],
     "answers": {"text": ["t1", "t2"], "start": [3, 4]}, "qas": [{"q": "one", "opts": ["x"]}, {"q": None, "opts": []}]},
    {"id": 2, "text": None, "ok": False, "x": None, "nested": None,
     "answers": {"text": [], "start": []}, "qas": []},
    {"id": 3, "text": "", "ok": None, "x": -2.25, "nested": [],
     "answers": None, "qas": [{"q": "two", "opts": None}]},
]
SCHEMA = pa.schema([
    ("id", pa.int64()), ("text", pa.string()), ("ok", pa.bool_()), ("x", pa.float64()),
    ("nested", pa.list_(pa.list_(pa.string()))),
    ("answers", pa.struct([("text", pa.list_(pa.string())), ("start", pa.list_(pa.int32()))])),
    ("qas", pa.list_(pa.struct([("q", pa.string()), ("opts", pa.list_(pa.string()))]))),
])

for name, codec in (("nested.parquet", "snappy"), ("nested-zstd.parquet", "zstd"), ("nested-lz4.parquet", "lz4")):
    pq.write_table(pa.Table.from_pylist(ROWS, SCHEMA), sys.argv[1] + "/" + name, compression=codec, row_group_size=2)
with open(sys.argv[1] + "/nested.jsonl", "w") as f:
    for row in ROWS:
        f.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")

# Small files whose pages carry checksums, one for each codec, and pages of version 2: every bit of them is flipped in a test.
FLAT = pa.table({"id": pa.array([1, 2, 3], pa.int64()), "text": ["One text.", None, "One text."], "tags": [["a", "b"], [], None]})
for codec in ("none", "snappy", "gzip", "zstd", "brotli"):
    pq.write_table(FLAT, f"{sys.argv[1]}/flat-{codec}.parquet", compression=codec, write_page_checksum=True, write_statistics=False,
                   store_schema=False)
pq.write_table(FLAT, sys.argv[1] + "/flat-v2.parquet", compression="zstd", write_page_checksum=True, write_statistics=False,
               store_schema=False, data_page_version="2.0", column_encoding={"id": "DELTA_BINARY_PACKED", "text": "DELTA_LENGTH_BYTE_ARRAY",
               "tags.list.element": "DELTA_BYTE_ARRAY"}, use_dictionary=False)
