//go:build cuda

package cuda

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

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
	failSampleGiven        = 9
	failSampleEdit         = 10
	failSampleEdits        = 11
)

// failureTexts say which op failed and how, with the row and the value.
var failureTexts = map[int32]string{
	failEmbedToken:         "embed: row {row}: token {value} outside the table",
	failRopePosition:       "rope: row {row}: position {value} outside the table",
	failTarget:             "cross_entropy: row {row}: target {value} outside the vocabulary",
	failSlot:               "paged_write: row {row}: slot {value} outside the cache",
	failSampleRow:          "sample: row {row} has a NaN or +Inf, or no finite logit",
	failEmbedBackwardToken: "embed_backward: row {row}: token {value} outside the table",
	failPagedTable:         "paged_attention: sequence {row}: rows, length or a page ({value}) do not fit the cache",
	failSampleGiven:        "sample: row {row}: given token {value} outside the vocabulary",
	failSampleEdit:         "sample: row {row}: edited token {value} outside the vocabulary",
	failSampleEdits:        "sample: row {row}: edits that end at {value} do not fit",
	failDocuments:          "attention: document {row}: cumulative lengths do not rise from 0 to the rows of the batch ({value})",
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
	text = strings.NewReplacer("{row}", strconv.FormatInt(row, 10), "{value}", strconv.FormatInt(value, 10)).Replace(text)
	return fmt.Errorf("%w: %s: %s", kernels.ErrDevice, b.Name(), text)
}
