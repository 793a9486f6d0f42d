package hf

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// openRegular opens a file of the folder for reading: a plain name, a regular file, no device or pipe and no link but those
// of Hugging Face's cache, so that a folder cannot make Primer read what lies elsewhere or wait for ever.
func openRegular(root *os.Root, name string) (*os.File, os.FileInfo, error) {
	if name == "" || name == "." || name == ".." || filepath.Base(name) != name || strings.ContainsAny(name, "\\\x00") {
		return nil, nil, fmt.Errorf("%w: %q is not the plain name of a file in %s", ErrFile, name, root.Name())
	}
	path := filepath.Join(root.Name(), name)
	info, err := root.Lstat(name)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s: %w", ErrFile, path, err)
	}
	if info.Mode()&os.ModeSymlink != 0 {
		return openBlob(root, name)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%w: %s is no regular file", ErrFile, path)
	}
	// Not blocking, and looked at again once open: the name may have changed hands in between.
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s: %w", ErrFile, path, err)
	}
	if info, err = file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, nil, fmt.Errorf("%w: %s is no regular file", ErrFile, path)
	}
	return file, info, nil
}

// blobLink is where every file of a snapshot in Hugging Face's cache points: to models--ORG--NAME/blobs/<digest> from
// models--ORG--NAME/snapshots/<revision>/<name>. The digest is a git hash, or SHA-256 for large files.
var blobLink = regexp.MustCompile(`^\.\./\.\./blobs/([0-9a-f]{40}|[0-9a-f]{64})$`)

// openBlob opens the file that a link of a snapshot in Hugging Face's cache means. Every other link is refused: it could name
// any file.
func openBlob(root *os.Root, name string) (*os.File, os.FileInfo, error) {
	path := filepath.Join(root.Name(), name)
	refused := fmt.Errorf("%w: %s is a symbolic link, and not into the blobs of a Hugging Face cache; copy the folder with its files (cp -rL)", ErrFile, path)
	target, err := root.Readlink(name)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s: %w", ErrFile, path, err)
	}
	dir, err := filepath.Abs(root.Name())
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s: %w", ErrFile, path, err)
	}
	digest := blobLink.FindStringSubmatch(target)
	if digest == nil || filepath.Base(filepath.Dir(dir)) != "snapshots" {
		return nil, nil, refused
	}
	blobs, err := os.OpenRoot(filepath.Join(dir, "..", "..", "blobs"))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s: %w", ErrFile, path, err)
	}
	defer blobs.Close()
	if info, err := blobs.Lstat(digest[1]); err == nil && info.Mode()&os.ModeSymlink != 0 {
		return nil, nil, refused // blobs are files, never links again
	}
	return openRegular(blobs, digest[1])
}

// readSmall reads a whole file of at most limit bytes.
func readSmall(root *os.Root, name string, limit int64) ([]byte, error) {
	file, info, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info.Size() > limit {
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d are read", ErrFile, file.Name(), info.Size(), limit)
	}
	b, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, file.Name(), err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%w: %s grew beyond %d bytes while it was read", ErrFile, file.Name(), limit)
	}
	return b, nil
}
