package data

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"
	"github.com/pierrec/lz4/v4"
)

const (
	// MaxRatio is how many bytes a compressed byte may become.
	MaxRatio = 200
	// ratioSlack is output that the ratio does not count, so that small files
	// of much repetition pass.
	ratioSlack = 1 << 20
	// maxWindow bounds what a zstd or xz stream makes its reader keep: --long=27, the most
	// that the zstd command itself takes without being asked; xz -9 needs half of it. The
	// others have fixed windows: gzip 32 KiB, bzip2 900 KB, lz4 4 MiB.
	maxWindow = 128 << 20
)

// compression is how the bytes of a file are packed.
type compression uint8

const (
	plain compression = iota
	gzipped
	zstandard
	bzipped
	xzipped
	lz4Framed
)

// codec is one compression: how it is recognised and how it is taken off.
type codec struct {
	name   string
	suffix string // of file names, in lower case
	magic  []byte // first bytes, for streams without a name
	// open reads all streams that follow each other to the end of r.
	open func(r *bufio.Reader) (io.ReadCloser, error)
	// checked tells by a stream's first bytes whether it carries a checksum of its content.
	checked func(head []byte) bool
}

var codecs = map[compression]codec{
	gzipped:   {"gzip", ".gz", []byte{0x1f, 0x8b}, openGzip, always},
	zstandard: {"zstd", ".zst", []byte{0x28, 0xb5, 0x2f, 0xfd}, openZstd, zstdChecked},
	bzipped:   {"bzip2", ".bz2", []byte("BZh"), openBzip2, always},
	xzipped:   {"xz", ".xz", []byte{0xfd, '7', 'z', 'X', 'Z', 0}, openXz, xzChecked},
	lz4Framed: {"lz4", ".lz4", []byte{0x04, 0x22, 0x4d, 0x18}, openLz4, lz4Checked},
}

// headSize is enough of a stream to tell its compression and whether it has a checksum.
const headSize = zstd.HeaderMaxSize

// packedAs takes the ending of a compression off a file's name.
func packedAs(name string) (string, compression) {
	lower := strings.ToLower(name)
	for comp, c := range codecs {
		if strings.HasSuffix(lower, c.suffix) {
			return name[:len(name)-len(c.suffix)], comp
		}
	}
	return name, plain
}

// packedLike tells a compression by the first bytes of a stream.
func packedLike(head []byte) compression {
	for comp, c := range codecs {
		if bytes.HasPrefix(head, c.magic) {
			return comp
		}
	}
	return plain
}

// TrimCompression takes the ending of a compression that this package reads off a file's name.
func TrimCompression(path string) string {
	name, _ := packedAs(filepath.Base(path))
	return filepath.Join(filepath.Dir(path), name)
}

// decompress takes the compression off. The report learns of streams without a checksum.
func decompress(r io.Reader, comp compression, report *Report) (io.ReadCloser, error) {
	if comp == plain {
		return io.NopCloser(r), nil
	}
	c := codecs[comp]
	counted := &counter{r: r}
	br := bufio.NewReaderSize(counted, 1<<16)
	head, err := br.Peek(headSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(head) == 0 { // zstd and xz would take it for an empty text
		return nil, fmt.Errorf("%w: %s: the file is empty", ErrStream, c.name)
	}
	if !c.checked(head) {
		report.Unchecked++
	}
	g := &guarded{packed: counted, name: c.name}
	z, err := c.open(br)
	if err != nil {
		return nil, g.failure(err)
	}
	g.r = z
	return &closer{g, z.Close}, nil
}

func openGzip(r *bufio.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

func openZstd(r *bufio.Reader) (io.ReadCloser, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

func openBzip2(r *bufio.Reader) (io.ReadCloser, error) {
	return io.NopCloser(bzip2.NewReader(r)), nil
}

func openXz(r *bufio.Reader) (io.ReadCloser, error) {
	z, err := xz.NewReader(r, maxWindow)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(z), nil
}

func openLz4(r *bufio.Reader) (io.ReadCloser, error) {
	return io.NopCloser(&lz4Streams{in: r, z: lz4.NewReader(r)}), nil
}

// lz4Streams goes on with the next frame where the library stops behind the first.
type lz4Streams struct {
	in *bufio.Reader
	z  *lz4.Reader
}

func (l *lz4Streams) Read(p []byte) (int, error) {
	for {
		n, err := l.z.Read(p)
		if n > 0 || err != io.EOF {
			return n, err
		}
		if _, err := l.in.Peek(1); err != nil {
			return 0, err
		}
		l.z.Reset(l.in)
	}
}

func always([]byte) bool { return true }

// zstdChecked: skippable frames hold nothing to check.
func zstdChecked(head []byte) bool {
	var h zstd.Header
	return h.Decode(head) != nil || h.Skippable || h.HasCheckSum
}

// xzChecked: the low half of the eighth byte names the check, 0 is none.
func xzChecked(head []byte) bool { return len(head) < 8 || head[7]&0x0f != 0 }

// lz4Checked: bit 2 of the frame's flags is a checksum of the content, bit 4 one of each block.
func lz4Checked(head []byte) bool { return len(head) < 5 || head[4]&0x14 != 0 }

// counter counts what is read and remembers why reading failed.
type counter struct {
	r   io.Reader
	n   int64
	err error // not io.EOF
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// guarded stops a stream that grows beyond the ratio and names damage as such.
type guarded struct {
	r      io.Reader
	packed *counter
	name   string
	out    int64
}

func (g *guarded) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.out += int64(n)
	if g.out > MaxRatio*g.packed.n+ratioSlack {
		return 0, fmt.Errorf("%w: over %d bytes out for each byte in, after %d bytes", ErrLimit, MaxRatio, g.out)
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, g.failure(err)
}

// failure says what a decompressor's error means: the packed bytes could not be read, or are damaged.
func (g *guarded) failure(err error) error {
	switch {
	case g.packed.err != nil:
		return g.packed.err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, xz.ErrMemlimit):
		return fmt.Errorf("%w: %s window above %d MiB: %w", ErrLimit, g.name, maxWindow>>20, err)
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %s, after %d bytes of text: %w", ErrStream, g.name, g.out, err)
}
