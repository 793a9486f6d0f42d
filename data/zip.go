package data

import (
	"archive/zip"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxMembers bounds the directory of an archive, which is kept in memory while the archive is read: some 300 MB.
const maxMembers = 1 << 20

// expandZip gives the members of a zip archive whose format is known, sorted by name. Archives inside archives are passed over.
func expandZip(name string, from source, opt *Options) ([]*File, error) {
	a := &zipArchive{from: from}
	members, err := a.members()
	if err != nil {
		return nil, &LineError{File: name, Err: err}
	}
	var files []*File
	for _, m := range members {
		if k, _ := opt.layout(m.Name); k == archive || m.FileInfo().IsDir() || hidden(m.Name) {
			continue
		}
		found, err := inside(name+"/"+m.Name, &zipMember{a, m}, opt)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			a.last = m
		}
		files = append(files, found...)
	}
	return files, nil
}

// hidden tells whether a part of a name with slashes starts with a dot, or is what macOS adds to archives.
func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") || part == "__MACOSX" {
			return true
		}
	}
	return false
}

// zipArchive is read by its members in turn; it is open while one of them is.
type zipArchive struct {
	from source
	mu   sync.Mutex
	at   Random
	open int
	// ahead reads an archive that is far away, else it is nil. Its piece outlives the member that it was read for, so that small
	// members that follow each other share requests; it goes with the directory and with the last member.
	ahead *ahead
	last  *zip.File
	// listing is set while the library reads the directory: of what it reads, so many bytes are left.
	listing bool
	left    int64
}

// members reads the directory.
func (a *zipArchive) members() ([]*zip.File, error) {
	if err := a.acquire(); err != nil {
		return nil, err
	}
	defer a.release(nil)
	end, err := readZipEnd(a, a.at.Size())
	if err != nil {
		return nil, fmt.Errorf("%w: zip: %w", ErrStream, err)
	}
	if err := end.check(); err != nil {
		return nil, err
	}
	a.listing, a.left = true, int64(end.size)+directorySlack // the library goes by what it finds, not by what the end says
	z, err := zip.NewReader(a, a.at.Size())
	a.listing = false
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are shown, never used as paths
		return nil, fmt.Errorf("%w: zip: %w", ErrStream, err)
	}
	if len(z.File) > maxMembers {
		return nil, fmt.Errorf("%w: zip: %d members, at most %d are read", ErrLimit, len(z.File), maxMembers)
	}
	z.RegisterDecompressor(zstd.ZipMethodWinZip, zstd.ZipDecompressor(zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1)))
	slices.SortStableFunc(z.File, func(x, y *zip.File) int { return cmp.Compare(x.Name, y.Name) })
	for i, m := range z.File {
		if i > 0 && m.Name == z.File[i-1].Name {
			return nil, fmt.Errorf("%w: zip: member %q stands twice", ErrStream, m.Name)
		}
	}
	return z.File, nil
}

// ReadAt reads the archive through whatever is open at the time.
func (a *zipArchive) ReadAt(p []byte, off int64) (int, error) {
	if a.listing {
		if a.left -= int64(len(p)); a.left < 0 {
			return 0, errors.New("its directory is longer than the archive's end says")
		}
	}
	if a.ahead != nil {
		return a.ahead.ReadAt(p, off)
	}
	return a.at.ReadAt(p, off)
}

// direct passes over what is read ahead.
type direct struct{ *zipArchive }

func (d direct) ReadAt(p []byte, off int64) (int, error) { return d.at.ReadAt(p, off) }

func (a *zipArchive) acquire() (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == 0 {
		if a.at, err = a.from.at(); err != nil {
			return err
		}
		if a.at.Far() && a.ahead == nil {
			a.ahead = &ahead{file: direct{a}, size: int(min(farPiece, a.at.Size()))}
		}
	}
	a.open++
	return nil
}

// release ends the reading of a member, or of the directory, which is nil.
func (a *zipArchive) release(m *zip.File) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ahead != nil && (m == nil || m == a.last) {
		a.ahead.forget()
	}
	if a.open--; a.open > 0 {
		return nil
	}
	return a.at.Close()
}

// zipMember is one file of an archive.
type zipMember struct {
	archive *zipArchive
	file    *zip.File
}

// open reads the member with the archive's own compression taken off, within the ratio, its checksum compared at the end.
func (m *zipMember) open() (io.ReadCloser, error) {
	if m.file.Flags&1 != 0 {
		return nil, fmt.Errorf("%w: zip: the member is encrypted", ErrFormat)
	}
	if err := m.archive.acquire(); err != nil {
		return nil, err
	}
	z, err := m.file.Open()
	switch {
	case errors.Is(err, zip.ErrAlgorithm):
		err = fmt.Errorf("%w: zip: compression method %d (known: stored, deflate, zstd)", ErrFormat, m.file.Method)
	case err != nil:
		err = fmt.Errorf("%w: zip: %w", ErrStream, err)
	}
	if err != nil {
		m.archive.release(m.file)
		return nil, err
	}
	whole := &counter{n: int64(min(m.file.CompressedSize64, uint64(m.archive.at.Size())))} // a header may claim any size
	return &closer{&guarded{r: z, packed: whole, name: "zip"}, func() error {
		z.Close()
		return m.archive.release(m.file)
	}}, nil
}

func (m *zipMember) at() (Random, error) {
	return nil, fmt.Errorf("%w: %s cannot be read anywhere inside a zip archive: unpack it", ErrFormat, path.Base(m.file.Name))
}

func (m *zipMember) version() (int64, string, error) {
	_, stamp, err := m.archive.from.version()
	return int64(m.file.UncompressedSize64), fmt.Sprintf("%s %08x", stamp, m.file.CRC32), err
}
