package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

// InfoName is the file that says what an exported folder holds; data's readers take the folder for its files.
const InfoName = "export.json"

const infoVersion = 1

// ErrOption: what was asked for cannot be written.
var ErrOption = errors.New("cannot export")

// Options of all formats. The zero value is good.
type Options struct {
	ShardBytes int64  // of texts, options, scores and unknown fields in one file, at most one record more; 0: 512 MiB
	Split      string // HuggingFace: the split's name; "" is train
	License    string // HuggingFace: for the card; "" is unknown
	Title      string // HuggingFace: the card's heading; "" is the folder's name
	// Progress is called now and then with what has been written.
	Progress func(records, bytes int64)
}

// Info describes an exported folder; it is its export.json.
type Info struct {
	Version int     `json:"version"`
	Format  string  `json:"format"`  // jsonl.zst, parquet, hf or megatron
	Kind    string  `json:"kind"`    // documents, examples, chains or tokens
	Records int64   `json:"records"` // of Megatron: documents
	Bytes   int64   `json:"text_bytes,omitempty"`
	Tokens  int64   `json:"tokens,omitempty"`
	Files   []Count `json:"files"`
}

// Count is one file's share.
type Count struct {
	File    string `json:"file"`
	Records int64  `json:"records"`
}

// Record is what is exported: data.Document, data.Example or data.Chain.
type Record interface {
	data.Document | data.Example | data.Chain
	data.Record
}

// ReadInfo tells what a folder holds; fs.ErrNotExist where it is no exported one.
func ReadInfo(dir string) (Info, error) {
	var info Info
	b, err := os.ReadFile(filepath.Join(dir, InfoName))
	if err == nil {
		err = json.Unmarshal(b, &info)
	}
	return info, err
}

// JSONL writes records as JSON lines in zstd files.
func JSONL[R Record](fsys durable.FS, dir string, records iter.Seq2[R, error], opt Options) (Info, error) {
	return write(fsys, dir, "jsonl.zst", records, opt, func(out io.Writer) (part[R], error) {
		w, err := data.NewWriter(out, "x.jsonl.zst")
		return lines[R]{w}, err
	}, func(int) string { return "part-%05d.jsonl.zst" }, nil)
}

// lines is a file of JSON lines.
type lines[R Record] struct{ *data.Writer }

func (l lines[R]) add(r R) error                   { return l.Write(r) }
func (l lines[R]) verify(io.ReaderAt, int64) error { return nil } // zstd's checksum and the manifest's are enough

// part is one file that is being written.
type part[R Record] interface {
	add(R) error
	Close() error
	// verify reads the finished file back.
	verify(file io.ReaderAt, size int64) error
}

// write is the loop behind the formats of records. Names are patterns of a number; finish may add files.
func write[R Record](fsys durable.FS, dir, format string, records iter.Seq2[R, error], opt Options,
	open func(io.Writer) (part[R], error), pattern func(int) string, finish func(*durable.Dir, *Info) error) (Info, error) {
	if opt.ShardBytes <= 0 {
		opt.ShardBytes = 512 << 20
	}
	info := Info{Version: infoVersion, Format: format, Kind: kindOf[R]()}
	err := commit(fsys, dir, &info, func(tmp *durable.Dir) error {
		w := &writer[R]{tmp: tmp, info: &info, opt: opt, open: open, pattern: pattern(0)}
		for r, err := range records {
			if err == nil {
				err = w.add(r)
			}
			if err != nil {
				return errors.Join(err, w.abandon())
			}
		}
		if err := w.next(); err != nil {
			return err
		}
		if info.Records == 0 {
			return data.ErrEmpty
		}
		if finish != nil {
			return finish(tmp, &info)
		}
		return nil
	})
	return info, err
}

// commit writes the folder, alone: what an earlier writer that was killed left is removed first.
func commit(fsys durable.FS, dir string, info *Info, fill func(*durable.Dir) error) (err error) {
	if _, err := fsys.Stat(dir); err == nil {
		return fmt.Errorf("write folder %s: %w", dir, fs.ErrExist)
	}
	if err := durable.MkdirAll(fsys, filepath.Dir(filepath.Clean(dir))); err != nil {
		return err
	}
	name := filepath.Join(filepath.Dir(filepath.Clean(dir)), "."+filepath.Base(dir)+".lock")
	lock, err := fsys.Lock(name)
	if errors.Is(err, durable.ErrLocked) {
		err = fmt.Errorf("%s is being written by another process: %w", dir, err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fsys.Remove(name), lock.Close()) }()
	if err := durable.RemoveTemporariesOf(fsys, dir); err != nil {
		return err
	}
	return durable.CommitDir(fsys, dir, func(tmp *durable.Dir) error {
		if err := fill(tmp); err != nil {
			return err
		}
		return tmp.WriteFile(InfoName, func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(info)
		})
	})
}

// writer fills one file after another.
type writer[R Record] struct {
	tmp     *durable.Dir
	info    *Info
	opt     Options
	open    func(io.Writer) (part[R], error)
	pattern string

	file  io.WriteCloser // nil between files
	part  part[R]
	count Count
	held  int64 // bytes of records in this file, see heldBytes
}

func (w *writer[R]) add(r R) (err error) {
	n := heldBytes(&r)
	if w.file != nil && w.held+n > w.opt.ShardBytes {
		if err := w.next(); err != nil {
			return err
		}
	}
	if w.file == nil {
		w.count, w.held = Count{File: fmt.Sprintf(w.pattern, len(w.info.Files))}, 0
		if w.file, err = w.tmp.Create(w.count.File); err != nil {
			return err
		}
		if w.part, err = w.open(w.file); err != nil {
			return err
		}
	}
	if err := w.part.add(r); err != nil {
		return err
	}
	w.count.Records++
	w.held += n
	w.info.Records++
	w.info.Bytes += textBytes(&r)
	if w.opt.Progress != nil && w.info.Records%1000 == 0 {
		w.opt.Progress(w.info.Records, w.info.Bytes)
	}
	return nil
}

// next ends the open file and reads it back.
func (w *writer[R]) next() error {
	if w.file == nil {
		return nil
	}
	err := w.part.Close()
	err = errors.Join(err, w.file.Close())
	w.file = nil
	if err != nil {
		return err
	}
	in, size, err := w.tmp.Open(w.count.File)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := w.part.verify(in, size); err != nil {
		return fmt.Errorf("%s, read back: %w", w.count.File, err)
	}
	w.info.Files = append(w.info.Files, w.count)
	return nil
}

func (w *writer[R]) abandon() error {
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}

func kindOf[R Record]() string {
	switch any((*R)(nil)).(type) {
	case *data.Document:
		return "documents"
	case *data.Example:
		return "examples"
	}
	return "chains"
}

// heldBytes is the size of a record by all that varies in length: what it takes in memory, and in a file, follows it.
func heldBytes(r any) (n int64) {
	switch r := r.(type) {
	case *data.Document:
		return textBytes(r) + int64(len(r.ID)+len(r.Source)+len(r.Domain)) + extraBytes(r.Extra)
	case *data.Example:
		n = heldBytes(&r.Document)
		for _, p := range r.Pairs {
			n += int64(len(p.Instruction)+len(p.Response)+len(p.Thought)) + extraBytes(p.Extra)
			for _, o := range p.Options {
				n += int64(len(o)) + 1
			}
			for name := range p.Scores {
				n += int64(len(name)) + 8
			}
		}
	case *data.Chain:
		n = int64(len(r.ID)) + extraBytes(r.Extra)
		for i := range r.Examples {
			n += heldBytes(&r.Examples[i])
		}
	}
	return n
}

func extraBytes(extra map[string]json.RawMessage) (n int64) {
	for name, raw := range extra {
		n += int64(len(name) + len(raw))
	}
	return n
}

// textBytes is the size of a record by its texts.
func textBytes(r any) (n int64) {
	switch r := r.(type) {
	case *data.Document:
		return int64(len(r.Text) + len(r.Title))
	case *data.Example:
		n = textBytes(&r.Document)
		for _, p := range r.Pairs {
			n += int64(len(p.Instruction) + len(p.Response) + len(p.Thought))
		}
	case *data.Chain:
		for i := range r.Examples {
			n += textBytes(&r.Examples[i])
		}
	}
	return n
}
