package hf

import "errors"

// What can be wrong with a folder; to be told apart with errors.Is. Every error names the file and the field or tensor.
var (
	// ErrConfig is a config.json that is malformed, incomplete, contradictory or asks for maths that is not there.
	ErrConfig = errors.New("config.json")
	// ErrHeader is a safetensors header that lies about its file or breaks the format.
	ErrHeader = errors.New("safetensors header")
	// ErrIndex is a shard index that is malformed or names files it must not.
	ErrIndex = errors.New("safetensors index")
	// ErrTensor is a tensor that is missing, unknown, or of another shape than config.json says.
	ErrTensor = errors.New("tensor")
	// ErrFile is a file that is missing, no regular file, or too large to be what it claims.
	ErrFile = errors.New("file")
	// ErrChanged is a file that changed while it was mapped.
	ErrChanged = errors.New("file changed while in use")
	// ErrVocabulary is a tokenizer that does not belong to the model.
	ErrVocabulary = errors.New("vocabulary")
)
