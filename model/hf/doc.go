// Package hf reads and writes Hugging Face model folders: config.json in the layouts of transformers 4 and 5, safetensors in
// one file or in shards with an index, generation_config.json and tokenizer.json. Nothing in a folder is trusted: every size,
// offset, name and shape is checked before a byte of a tensor is looked at, and what a file leaves open is an error, never a
// guess. Tensors are views into mapped files.
package hf
