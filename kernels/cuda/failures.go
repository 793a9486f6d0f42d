//go:build cuda

package cuda

import (
	"encoding/binary"
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// What a kernel reports by fail() of prims.cuh: one of these codes, with the row it happened in and the value it saw. The .cu
// file of the op names the same number.
const (
	failEmbedToken         = 1
	failRopePosition       = 2
	failTarget             = 3
	failSlot               = 4
	failSampleRow          = 5
	failEmbedBackwardToken = 6
	failPagedTable         = 7
	failDocuments          = 8
)

// failureTexts say which op failed and how; %[1]d is the row, %[2]d the value.
var failureTexts = map[int32]string{
	failEmbedToken:         "embed: row %[1]d: token %[2]d outside the table",
	failRopePosition:       "rope: row %[1]d: position %[2]d outside the table",
	failTarget:             "cross_entropy: row %[1]d: target %[2]d outside the vocabulary",
	failSlot:               "paged_write: row %[1]d: slot %[2]d outside the cache",
	failSampleRow:          "sample: row %[1]d has a NaN or +Inf, or no finite logit",
	failEmbedBackwardToken: "embed_backward: row %[1]d: token %[2]d outside the table",
	failPagedTable:         "paged_attention: sequence %[1]d: rows, length or a page (%[2]d) do not fit the cache",
	failDocuments:          "attention: document %[1]d: cumulative lengths do not rise from 0 to the rows of the batch (%[2]d)",
}

// failureBytes is the size of struct failure: code int32, pad, row int64, value int64.
const failureBytes = 24

// failureOf reads a struct failure; nil when there is none.
func (b *Backend) failureOf(raw []byte) error {
	code := int32(binary.LittleEndian.Uint32(raw))
	if code == 0 {
		return nil
	}
	row, value := int64(binary.LittleEndian.Uint64(raw[8:])), int64(binary.LittleEndian.Uint64(raw[16:]))
	text, ok := failureTexts[code]
	if !ok {
		return fmt.Errorf("%w: %s: a kernel reports the unknown failure %d (row %d, value %d)", kernels.ErrDevice, b.Name(), code, row, value)
	}
	if code == failSampleRow {
		return fmt.Errorf("%w: %s: %s", kernels.ErrDevice, b.Name(), fmt.Sprintf(text, row))
	}
	return fmt.Errorf("%w: %s: %s", kernels.ErrDevice, b.Name(), fmt.Sprintf(text, row, value))
}
