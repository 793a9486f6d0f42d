// Package hf reads and writes Hugging Face model folders: config.json in the layouts of transformers 4 and 5, safetensors in
// one file or in shards with an index, generation_config.json and tokenizer.json. Nothing in a folder is trusted: every size,
// offset, name and shape is checked before a byte of a tensor is looked at, and what a file leaves open is an error, never a
// guess. Tensors are views into mapped files.
//
// Where to begin: OpenFolder, whose Folder is the model.Source that model.Open and Trainer.Load read, and WriteFolder, which
// fills a folder that durable.CommitDir makes appear whole. ReadConfig alone reads no weights. In OpenTensors and WriteTensors
// an optimizer's moments go the same way.
package hf
