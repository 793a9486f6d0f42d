package job

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

const (
	wholeBelow = 32 << 20 // bytes: files up to here are hashed whole
	samples    = 512      // pieces of a larger file that are
	piece      = 4 << 10  // bytes of a piece
)

// endsName says which tokens begin and end a text; not every folder has it.
const endsName = "tokenizer_config.json"

// Fingerprint names a model folder by what is in it: configuration and tokenizer whole, weights by size and by pieces spread
// over each file, so that 14 GB take a moment and two checkpoints of one run still differ.
func Fingerprint(dir string) (string, error) {
	h := sha256.New()
	names := []string{"config.json", "tokenizer.json"}
	if _, err := os.Stat(filepath.Join(dir, endsName)); err == nil {
		names = append(names, endsName)
	}
	weights, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if err != nil {
		return "", err
	}
	slices.Sort(weights)
	for _, w := range weights {
		names = append(names, filepath.Base(w))
	}
	for _, name := range names {
		if err := hashFile(h, filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("fingerprint of %s: %w", dir, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashFile(h io.Writer, path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(h, "%q %d\n", filepath.Base(path), info.Size())
	if info.Size() <= wholeBelow {
		_, err := io.Copy(h, f)
		return err
	}
	b := make([]byte, piece)
	for i := range int64(samples) {
		if _, err := f.ReadAt(b, (info.Size()-piece)/(samples-1)*i); err != nil {
			return err
		}
		h.Write(b)
	}
	return nil
}
