package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const cacheName = "tokenizers-" + sourceVersion

// cachedArchive returns the folder of the user's cache that holds the archive, building it there
// when it is not. Runs at the same time wait for one another: only one builds.
func (e env) cachedArchive(ctx context.Context, want archive) (dir string, err error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the tokenizer's library: %w", err)
	}
	base = filepath.Join(base, "primer", cacheName)
	dir = filepath.Join(base, want.key())
	if want.validIn(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(base, "lock"), func() {
		fmt.Fprintln(e.log, "setup: another run is building the tokenizer's library, waiting for it")
	})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if want.validIn(dir) {
		return dir, nil // the other run has built it
	}
	return dir, e.build(ctx, want, base, dir)
}

// build compiles the library in a work folder under base and installs it in dir.
func (e env) build(ctx context.Context, want archive, base, dir string) (err error) {
	source, err := e.sourceDir(ctx)
	if err != nil {
		return err
	}
	work := filepath.Join(base, "work")
	if err := os.RemoveAll(work); err != nil { // what a killed run left; the lock is ours
		return err
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := copySource(source, work); err != nil {
		return fmt.Errorf("copy the library's source from %s: %w", source, err)
	}
	if err := patchSource(work); err != nil {
		return err
	}
	fmt.Fprintf(e.log, "setup: building the tokenizer's library once (one to three minutes)\n")
	start := time.Now()
	target := filepath.Join(work, "target")
	cargo := exec.CommandContext(ctx, "cargo", "build", "--release", "--locked", "--target-dir", target)
	cargo.Dir = work
	cargo.Stdout, cargo.Stderr = e.log, e.log
	cargo.Cancel = func() error { return cargo.Process.Signal(syscall.SIGTERM) }
	cargo.WaitDelay = 5 * time.Second
	if err := cargo.Run(); err != nil {
		return fmt.Errorf("cargo build --release --locked in %s: %w", work, err)
	}
	if err := want.install(filepath.Join(target, "release", archiveName), dir); err != nil {
		return fmt.Errorf("install the tokenizer's library in %s: %w", dir, err)
	}
	fmt.Fprintf(e.log, "setup: built %s in %.0f s\n", filepath.Join(dir, archiveName), time.Since(start).Seconds())
	return nil
}

// lock takes the advisory lock on path, calling waiting once if another process holds it. The
// kernel drops the lock when its holder dies, so there is no stale one to clean up.
func lock(ctx context.Context, path string, waiting func()) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(&fs.PathError{Op: "lock", Path: path, Err: err}, f.Close())
		}
		if first {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
