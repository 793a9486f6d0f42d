package curate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

// Source is documents that can be read any number of times, the same each time.
type Source struct {
	// Documents reads them. The report gets the counts of this reading.
	Documents func(report *data.Report) iter.Seq2[data.Document, error]
	// Key names what Documents gives: equal keys, equal documents. Files hashes their contents.
	Key func(ctx context.Context) (string, error)
}

// Files reads documents from files, globs, folders, archives and object storage. Standard input cannot be read twice and is an error.
// Files that are no longer those that Key named, when they have been read, are ErrChanged.
func Files(paths []string, opt data.Options) Source {
	stamps := ""
	return Source{
		Documents: func(report *data.Report) iter.Seq2[data.Document, error] {
			opt := opt
			opt.Report = report
			return unchanged(data.Documents(paths, opt), func() error {
				if stamps == "" {
					return nil
				}
				files, err := inputs(paths, opt)
				if err != nil {
					return err
				}
				now, err := stampsOf(files)
				if err == nil && now != stamps {
					err = fmt.Errorf("%w: files of the input changed while they were read", ErrChanged)
				}
				return err
			})
		},
		Key: func(ctx context.Context) (key string, err error) {
			files, err := inputs(paths, opt)
			if err != nil {
				return "", err
			}
			if stamps, err = stampsOf(files); err != nil {
				return "", err
			}
			return filesKey(ctx, files, opt)
		},
	}
}

// unchanged gives all and asks check at the end.
func unchanged(all iter.Seq2[data.Document, error], check func() error) iter.Seq2[data.Document, error] {
	return func(yield func(data.Document, error) bool) {
		for doc, err := range all {
			if !yield(doc, err) || err != nil {
				return
			}
		}
		if err := check(); err != nil {
			yield(data.Document{}, err)
		}
	}
}

// inputs finds files that can be read again and again.
func inputs(paths []string, opt data.Options) ([]*data.File, error) {
	files, err := data.Inputs(paths, opt)
	if err == nil && slices.ContainsFunc(files, func(f *data.File) bool { return f.Name() == data.Stdin }) {
		err = fmt.Errorf("%w: a curation reads its documents several times: give files, not -", ErrSettings)
	}
	return files, err
}

// stampsOf is what can be seen of files without reading them.
func stampsOf(files []*data.File) (string, error) {
	h := sha256.New()
	if err := data.Stamp(h, files); err != nil {
		return "", fmt.Errorf("%w: %w", data.ErrNoFile, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// filesKey hashes the names and contents of files in the order in which they are read, and how they are read. Where they lie does
// not matter. Of members of archives and objects of a store it hashes what their versions are.
func filesKey(ctx context.Context, files []*data.File, opt data.Options) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%d %v %v %q %+v\n", opt.Kind, opt.Strict, opt.BlankSplit, opt.TextField, opt.Columns)
	for _, f := range files {
		name := f.Name()
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
			size, stamp, err := f.Version()
			if err != nil {
				return "", fmt.Errorf("%w: %w", data.ErrNoFile, err)
			}
			fmt.Fprintf(h, "%q %d version %s\n", filepath.Base(name), size, stamp)
			continue
		}
		sum, err := durable.SumFile(durable.OS, name)
		if err != nil {
			return "", fmt.Errorf("%w: %w", data.ErrNoFile, err)
		}
		fmt.Fprintf(h, "%q %d %s\n", filepath.Base(name), sum.Bytes, sum.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// input is what a stage reads: a source, or the file of the stage before it.
type input struct {
	source *Source
	fsys   durable.FS
	path   string // of the file, when there is no source

	documents int64       // that were read in the last pass
	report    data.Report // of the last pass over a source
}

// Limits of a batch: enough that handing it over costs nothing, little enough that a few on their way do not count.
const (
	batchDocuments = 512
	batchBytes     = 256 << 10
)

// batch is some documents in a row: those of a source as documents, those of a stage's file as JSON lines.
type batch struct {
	first int64 // number of the first, from 0
	docs  []data.Document
	bytes []byte
	ends  []int // of the lines in bytes
}

func (b *batch) len() int { return max(len(b.docs), len(b.ends)) }

// line gives the JSON of document i without a newline; nil where there are documents.
func (b *batch) line(i int) []byte {
	if b.docs != nil {
		return nil
	}
	start := 0
	if i > 0 {
		start = b.ends[i-1]
	}
	return b.bytes[start:b.ends[i]]
}

// document gives document i.
func (b *batch) document(i int) (data.Document, error) {
	if b.docs != nil {
		return b.docs[i], nil
	}
	return data.DecodeDocument(b.line(i), "")
}

// batches reads all documents; give may keep the batch.
func (in *input) batches(ctx context.Context, give func(*batch) error) error {
	in.documents = 0
	if in.source != nil {
		return in.foreign(ctx, give)
	}
	return in.ours(ctx, give)
}

func (in *input) foreign(ctx context.Context, give func(*batch) error) error {
	in.report = data.Report{}
	b, size := &batch{}, 0
	for doc, err := range in.source.Documents(&in.report) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		b.docs = append(b.docs, doc)
		size += len(doc.Text)
		in.documents++
		if len(b.docs) == batchDocuments || size >= batchBytes {
			if err := give(b); err != nil {
				return err
			}
			b, size = &batch{first: in.documents}, 0
		}
	}
	if len(b.docs) > 0 {
		return give(b)
	}
	return nil
}

// ours reads the file of a stage, whose size and sha256 were compared with its record before.
func (in *input) ours(ctx context.Context, give func(*batch) error) (err error) {
	f, err := in.fsys.Open(in.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := zstd.NewReader(io.Reader(f), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return fmt.Errorf("%s: %w: %w", in.path, durable.ErrDamaged, err)
	}
	defer z.Close()
	b := &batch{bytes: make([]byte, 0, batchBytes)}
	err = data.EachLine(z, func(_ int64, line []byte) error {
		b.bytes = append(b.bytes, line...)
		b.ends = append(b.ends, len(b.bytes))
		in.documents++
		if len(b.ends) < batchDocuments && len(b.bytes) < batchBytes {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		full := b
		b = &batch{first: in.documents, bytes: make([]byte, 0, batchBytes)}
		return give(full)
	})
	if err == nil && len(b.ends) > 0 {
		err = give(b)
	}
	return err
}
