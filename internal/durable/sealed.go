package durable

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxSealed bounds what is read of a sealed record, in bytes.
const maxSealed = 256 << 20

// Seal gives a record, v, as JSON with its own checksum, which it leaves in a field of it, *check: the sha256 of the same JSON with
// that field empty. JSON with another digit is JSON, so without one damaged numbers are believed.
func Seal(v any, check *string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	*check = ""
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b.Bytes())
	*check = hex.EncodeToString(sum[:])
	b.Reset()
	err := enc.Encode(v)
	return b.Bytes(), err
}

// WriteSealed writes a record as Seal gives it, whole or not at all.
func WriteSealed(fsys FS, path string, v any, check *string) error {
	b, err := Seal(v, check)
	if err != nil {
		return err
	}
	return WriteFile(fsys, path, func(w io.Writer) error { _, err := w.Write(b); return err })
}

// ReadSealed reads what WriteSealed wrote into v, of which check is the same field: fs.ErrNotExist where it is not there, ErrDamaged
// where one byte of it is not as it was written.
func ReadSealed(fsys FS, path string, v any, check *string) error {
	f, err := fsys.Open(path)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxSealed+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w: %v", path, ErrDamaged, err)
	}
	if again, err := Seal(v, check); err != nil || !bytes.Equal(again, raw) {
		return fmt.Errorf("%s: %w: it is not as it was written", path, ErrDamaged)
	}
	return nil
}
