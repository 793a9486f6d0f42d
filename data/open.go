package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// MaxLine is the longest line, or text file, that is read: 16 MiB.
	MaxLine = 16 << 20
	// MaxRatio is how many bytes a compressed byte may become.
	MaxRatio = 200
	// ratioSlack is output that the ratio does not count, so that small files
	// of much repetition pass.
	ratioSlack = 1 << 20
	// maxWindow bounds the memory of a zstd stream: --long=27, the most that
	// the zstd command itself takes without being asked.
	maxWindow = 128 << 20
)

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

	parquetMagic = []byte("PAR1")
)

// open opens one input and takes off its compression. The report learns of zstd
// streams that carry no checksum.
func open(in *input, stdin io.Reader, report *Report) (io.ReadCloser, error) {
	if in.path == Stdin {
		return openStdin(in, stdin, report)
	}
	f, err := os.Open(in.path)
	if err != nil {
		return nil, err
	}
	r, err := decompress(&metered{f, report}, in, report)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &closer{r, func() error { r.Close(); return f.Close() }}, nil
}

// openStdin tells compression and layout by the first bytes.
func openStdin(in *input, stdin io.Reader, report *Report) (io.ReadCloser, error) {
	br := bufio.NewReaderSize(stdin, 1<<16)
	head, err := br.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		in.comp = gzipped
	case bytes.HasPrefix(head, zstdMagic):
		in.comp = zstandard
	case bytes.Equal(head, parquetMagic):
		return nil, fmt.Errorf("%w: Parquet cannot be read from a pipe: give the name of the file", ErrFormat)
	}
	r, err := decompress(br, in, report)
	if err != nil || in.kind != Auto {
		return r, err
	}
	inner := bufio.NewReaderSize(r, 1<<16)
	head, err = inner.Peek(512)
	if err != nil && err != io.EOF {
		return nil, err
	}
	in.kind = Text
	if t := bytes.TrimLeft(bytes.TrimPrefix(head, utf8Mark), " \t\r\n"); len(t) > 0 && t[0] == '{' {
		in.kind = JSONL
	}
	return &closer{inner, r.Close}, nil
}

type closer struct {
	io.Reader
	close func() error
}

func (c *closer) Close() error { return c.close() }

func decompress(r io.Reader, in *input, report *Report) (io.ReadCloser, error) {
	counted := &counter{r: r}
	switch in.comp {
	case gzipped:
		z, err := gzip.NewReader(counted)
		if err != nil {
			return nil, fmt.Errorf("%w: gzip: %w", ErrStream, err)
		}
		return &closer{&guarded{r: z, packed: counted}, z.Close}, nil
	case zstandard:
		br := bufio.NewReaderSize(counted, 1<<16)
		checkFrame(br, report)
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("%w: zstd: %w", ErrStream, err)
		}
		return &closer{&guarded{r: z, packed: counted}, func() error { z.Close(); return nil }}, nil
	}
	return io.NopCloser(r), nil
}

// checkFrame notes a first frame without a checksum.
func checkFrame(br *bufio.Reader, report *Report) {
	head, _ := br.Peek(zstd.HeaderMaxSize)
	var h zstd.Header
	if h.Decode(head) == nil && !h.Skippable && !h.HasCheckSum {
		report.Unchecked++
	}
}

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

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// guarded stops a stream that grows beyond the ratio and names damage as such.
type guarded struct {
	r      io.Reader
	packed *counter
	out    int64
}

func (g *guarded) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.out += int64(n)
	if g.out > MaxRatio*g.packed.n+ratioSlack {
		return 0, fmt.Errorf("%w: over %d bytes out for each byte in, after %d bytes", ErrLimit, MaxRatio, g.out)
	}
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return n, fmt.Errorf("%w: zstd window above %d MiB: %w", ErrLimit, maxWindow>>20, err)
	}
	return n, fmt.Errorf("%w after %d bytes of text: %w", ErrStream, g.out, err)
}
