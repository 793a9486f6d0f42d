"""Reads a .bin and .idx with Megatron's own IndexedDataset, mapped and not, and prints what is in it as JSON."""

import json
import sys

from megatron.core.datasets.indexed_dataset import IndexedDataset

both = []
for mmap in (True, False):
    d = IndexedDataset(sys.argv[1], mmap=mmap)
    both.append({"Dtype": d.index.dtype.__name__, "Sequences": [d[i].tolist() for i in range(len(d))],
                 "Documents": d.document_indices.tolist()})
assert both[0] == both[1], both
print(json.dumps(both[0]))
