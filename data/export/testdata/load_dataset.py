"""Loads a folder with Hugging Face's datasets and prints its rows and features as JSON."""

import json
import sys

import datasets

loaded = datasets.load_dataset(sys.argv[1])
(split,) = loaded.values()
print(json.dumps({"Rows": list(split), "Features": split.features.to_dict()}, default=str))
