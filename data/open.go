package data

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
)

// MaxLine is the longest line, or text file, that is read: 16 MiB.
const MaxLine = 16 << 20

var (
	parquetMagic = []byte("PAR1")
	zipMagic     = []byte("PK\x03\x04")
	warcMagic    = []byte("WARC/")
)

// stdinWARC names standard input once it is known to hold WARC records.
const stdinWARC = "<stdin>.warc"

// File is one file of the inputs: on the machine's disk, a member of a zip archive, or an object in a store.
type File struct {
	path string // as it is shown: dir/a.jsonl, dir/a.zip/b.jsonl, s3://bucket/key
	kind Kind
	comp compression
	from source
}

// source is where the bytes of a file are.
type source interface {
	// open reads them from the front.
	open() (io.ReadCloser, error)
	// at reads them anywhere.
	at() (Random, error)
	// version is the size and what changes with the content.
	version() (size int64, stamp string, err error)
}

// Random reads a file anywhere.
type Random interface {
	io.ReaderAt
	io.Closer
	Size() int64
	// Far tells whether every read is a request over a network, so that few large ones are wanted.
	Far() bool
}

// NewFile is the file at a path of the machine, its compression told by the name.
func NewFile(path string) *File {
	_, comp := packedAs(path)
	return &File{path: path, comp: comp, from: disk(path)}
}

// Name is the path, or URL, as it was found; a member of an archive stands behind the archive's name.
func (f *File) Name() string { return f.path }

// Version gives the file's size as it is stored, in bytes, and a text that changes when the content does: the time of its last
// change, or a store's ETag. Standard input has none.
func (f *File) Version() (size int64, stamp string, err error) {
	if f.path == Stdin {
		return 0, "", fmt.Errorf("%w: standard input has no size", ErrNoFile)
	}
	return f.from.version()
}

// Open opens the file and takes off its compression. Reading gives ErrStream for a damaged stream and ErrLimit for one that
// grows beyond MaxRatio. The report, which may be nil, learns of streams without a checksum.
func (f *File) Open(report *Report) (io.ReadCloser, error) {
	if report == nil {
		report = &Report{}
	}
	raw, err := f.from.open()
	if err != nil {
		return nil, err
	}
	r, err := decompress(&metered{raw, report}, f.comp, report)
	if err != nil {
		raw.Close()
		return nil, err
	}
	return &closer{r, func() error { r.Close(); return raw.Close() }}, nil
}

// OpenAt opens the file as it is stored, for reading anywhere.
func (f *File) OpenAt() (Random, error) { return f.from.at() }

// disk is a file of the machine.
type disk string

func (d disk) open() (io.ReadCloser, error) { return os.Open(string(d)) }

func (d disk) version() (int64, string, error) {
	info, err := os.Stat(string(d))
	if err != nil {
		return 0, "", err
	}
	return info.Size(), fmt.Sprint(info.ModTime().UnixNano()), nil
}

func (d disk) at() (Random, error) {
	f, err := os.Open(string(d))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &diskAt{f, info.Size()}, nil
}

type diskAt struct {
	*os.File
	size int64
}

func (d *diskAt) Size() int64 { return d.size }
func (d *diskAt) Far() bool   { return false }

// openStdin tells compression and layout by the first bytes.
func openStdin(in *File, opt *Options, report *Report) (io.ReadCloser, error) {
	stdin := opt.Stdin
	if stdin == nil {
		stdin = os.Stdin
	}
	br := bufio.NewReaderSize(stdin, 1<<16)
	head, err := br.Peek(headSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	for _, c := range []struct {
		magic []byte
		what  string
	}{{parquetMagic, "Parquet"}, {zipMagic, "a zip archive"}} {
		if bytes.HasPrefix(head, c.magic) {
			return nil, fmt.Errorf("%w: %s cannot be read from a pipe: give the name of the file", ErrFormat, c.what)
		}
	}
	r, err := decompress(br, packedLike(head), report)
	if err != nil || in.kind != Auto {
		return r, err
	}
	inner := bufio.NewReaderSize(r, 1<<16)
	if head, err = inner.Peek(512); err != nil && err != io.EOF {
		return nil, err
	}
	if in.kind = opt.layoutOfStream(head); in.kind == table {
		in.path = stdinWARC
	}
	return &closer{inner, r.Close}, nil
}

// layoutOfStream tells how records are laid out by the first bytes of a stream without a name.
func (o *Options) layoutOfStream(head []byte) Kind {
	if t := bytes.TrimLeft(bytes.TrimPrefix(head, utf8Mark), " \t\r\n"); len(t) > 0 && t[0] == '{' {
		return JSONL
	}
	if bytes.HasPrefix(head, warcMagic) && o.Tables != nil && o.Tables.Knows(stdinWARC) {
		return table
	}
	return Text
}

type closer struct {
	io.Reader
	close func() error
}

func (c *closer) Close() error { return c.close() }

// opened is a stream that is open already; it is read once.
type opened struct{ io.ReadCloser }

func (o opened) open() (io.ReadCloser, error) { return o.ReadCloser, nil }
func (o opened) at() (Random, error) {
	return nil, fmt.Errorf("%w: it cannot be read from a pipe", ErrFormat)
}
func (o opened) version() (int64, string, error) { return 0, "", ErrNoFile }

// metered adds what is read of a file to the report.
type metered struct {
	r      io.Reader
	report *Report
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.report.Bytes += int64(n)
	return n, err
}
