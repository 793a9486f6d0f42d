package data

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// scheme starts the URL of an object.
const scheme = "s3://"

// IsObject tells whether a path is the URL of an object, or of several, in a store.
func IsObject(path string) bool { return strings.HasPrefix(path, scheme) }

// Store is object storage as this package needs it; data/s3 has one. Its methods send a request again, within reason, where the
// store is busy; an object or bucket that is not there is ErrNoFile.
type Store interface {
	// List calls found for every object whose key starts with prefix, in order of the keys' bytes.
	List(bucket, prefix string, found func(Object) error) error
	// Stat finds one object.
	Stat(bucket, key string) (Object, error)
	// Range reads n bytes of an object from offset, or fewer where the connection breaks. An object that is no longer the one
	// that was found is ErrChanged.
	Range(o Object, offset, n int64) (io.ReadCloser, error)
}

// Object is one object of a store.
type Object struct {
	Bucket, Key string
	Size        int64
	ETag        string // changes when the content does
}

// URL names the object.
func (o *Object) URL() string { return scheme + o.Bucket + "/" + o.Key }

// expandObjects finds what a URL stands for: an object, a pattern, or all known names below a prefix that is a folder's.
func expandObjects(url string, opt *Options) ([]*File, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(url, scheme), "/")
	switch {
	case opt.Store == nil:
		return nil, fmt.Errorf("%w: %s: no object storage is set up here", ErrFormat, url)
	case bucket == "" || strings.ContainsAny(bucket, globMeta):
		return nil, fmt.Errorf("%w: %s: the name of one bucket is wanted behind %s", ErrNoFile, url, scheme)
	case strings.ContainsAny(key, globMeta):
		return expandPattern(bucket, key, opt)
	case key == "" || strings.HasSuffix(key, "/"):
		return expandPrefix(bucket, key, opt)
	}
	o, err := opt.Store.Stat(bucket, key)
	if errors.Is(err, ErrNoFile) {
		if below, e := expandPrefix(bucket, key+"/", opt); !errors.Is(e, ErrNoFile) {
			return below, e
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return named(url, &stored{opt.Store, o}, opt)
}

// expandPrefix is a folder: every object beneath whose format is known.
func expandPrefix(bucket, prefix string, opt *Options) ([]*File, error) {
	var files []*File
	err := opt.Store.List(bucket, prefix, func(o Object) error {
		if hidden(strings.TrimPrefix(o.Key, prefix)) {
			return nil
		}
		found, err := inside(o.URL(), &stored{opt.Store, o}, opt)
		files = append(files, found...)
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%w: it holds no object of a known format (known: %s)", ErrNoFile, opt.known())
	}
	if err != nil {
		return nil, fmt.Errorf("%s%s/%s: %w", scheme, bucket, prefix, err)
	}
	return files, nil
}

// expandPattern matches a pattern as on a disk: * stays between slashes, and a match that is a folder stands for what is in it.
func expandPattern(bucket, pattern string, opt *Options) ([]*File, error) {
	parts := strings.Count(pattern, "/") + 1
	prefix := pattern[:strings.IndexAny(pattern, globMeta)]
	var files []*File
	err := opt.Store.List(bucket, prefix, func(o Object) error {
		names := strings.SplitN(o.Key, "/", parts+1)
		if len(names) < parts {
			return nil
		}
		ok, err := path.Match(pattern, strings.Join(names[:parts], "/"))
		if err != nil || !ok {
			return err
		}
		expand := named
		if len(names) > parts { // in a folder that matches
			if hidden(names[parts]) {
				return nil
			}
			expand = inside
		}
		found, err := expand(o.URL(), &stored{opt.Store, o}, opt)
		files = append(files, found...)
		return err
	})
	if errors.Is(err, path.ErrBadPattern) || err == nil && len(files) == 0 {
		err = errors.Join(ErrNoFile, err)
		return nil, fmt.Errorf("%w: %s%s/%s matches nothing that can be read", err, scheme, bucket, pattern)
	}
	if err != nil {
		return nil, fmt.Errorf("%s%s/%s: %w", scheme, bucket, pattern, err)
	}
	return files, nil
}

// stored is a file in a store.
type stored struct {
	store Store
	Object
}

func (o *stored) open() (io.ReadCloser, error) {
	return &objectReader{stored: o, end: o.Object.Size}, nil
}

func (o *stored) at() (Random, error) { return &objectAt{o}, nil }

func (o *stored) version() (int64, string, error) { return o.Object.Size, o.ETag, nil }

type objectAt struct{ *stored }

func (o *objectAt) Size() int64  { return o.Object.Size }
func (o *objectAt) Far() bool    { return true }
func (o *objectAt) Close() error { return nil }

// ReadAt is one request, and more where connections break.
func (o *objectAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > o.Object.Size {
		return 0, fmt.Errorf("%s: read at %d of %d", o.URL(), off, o.Object.Size)
	}
	r := &objectReader{stored: o.stored, next: off, end: min(off+int64(len(p)), o.Object.Size)}
	defer r.Close()
	n, err := io.ReadFull(r, p[:r.end-off])
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

const (
	// maxBreaks is how many connections may break one after another without a byte between them.
	maxBreaks = 7
	// firstPause is waited after the first of them; each later pause is twice as long, up to maxPause.
	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
)

// objectReader reads an object from next to end, and goes on where it was when a connection breaks: stores also cut
// connections whose reader is slow.
type objectReader struct {
	*stored
	next, end int64
	body      io.ReadCloser
	breaks    int
}

func (r *objectReader) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if r.next >= r.end {
			return 0, io.EOF
		}
		n, err := r.some(p)
		if n > 0 {
			r.next += int64(n)
			r.breaks = 0
			return n, nil // an error comes again, or is mended
		}
		if err == nil {
			continue
		}
		if err := r.broke(err); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// some reads from the connection, which is made where there is none.
func (r *objectReader) some(p []byte) (int, error) {
	if r.body == nil {
		body, err := r.store.Range(r.Object, r.next, r.end-r.next)
		if err != nil {
			return 0, &fatal{err}
		}
		r.body = body
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.end-r.next)])
	if n > 0 {
		err = nil
	} else if err == io.EOF {
		err = io.ErrUnexpectedEOF // next < end
	}
	return n, err
}

// fatal is an error that another connection does not mend: the store has tried its requests again itself.
type fatal struct{ error }

func (f *fatal) Unwrap() error { return f.error }

// broke waits before the next connection, or gives up.
func (r *objectReader) broke(err error) error {
	r.Close()
	var last *fatal
	if r.breaks++; r.breaks > maxBreaks || errors.As(err, &last) {
		return fmt.Errorf("byte %d of %d: %w", r.next, r.Object.Size, err)
	}
	time.Sleep(min(firstPause<<(r.breaks-1), maxPause))
	return nil
}

func (r *objectReader) Close() (err error) {
	if r.body != nil {
		err, r.body = r.body.Close(), nil
	}
	return err
}
