package data

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Stdin is the path that means standard input.
const Stdin = "-"

// Kind is how the records of a file are laid out.
type Kind uint8

// How records are laid out. Auto tells by the file's name.
const (
	Auto Kind = iota
	JSONL
	Text
)

// compression is how the bytes of a file are packed.
type compression uint8

const (
	plain compression = iota
	gzipped
	zstandard
)

// input is one file to be read.
type input struct {
	path string
	kind Kind
	comp compression
}

// classify tells kind and compression by the name: x.jsonl.zst, x.txt, …
func classify(path string) (Kind, compression) {
	name, comp := strings.ToLower(filepath.Base(path)), plain
	switch filepath.Ext(name) {
	case ".gz":
		name, comp = strings.TrimSuffix(name, ".gz"), gzipped
	case ".zst":
		name, comp = strings.TrimSuffix(name, ".zst"), zstandard
	}
	switch filepath.Ext(name) {
	case ".jsonl", ".ndjson", ".json":
		return JSONL, comp
	case ".txt", ".text", ".md":
		return Text, comp
	}
	return Auto, comp
}

// expand turns paths, globs, folders and "-" into files, in the order given and
// sorted by name within a glob or folder, so that a corpus always reads the same.
func expand(paths []string, kind Kind) ([]input, error) {
	var inputs []input
	for _, p := range paths {
		found, err := expandOne(p, kind)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, found...)
	}
	if len(inputs) == 0 {
		return nil, fmt.Errorf("%w: no path was given", ErrNoFile)
	}
	return inputs, nil
}

func expandOne(path string, kind Kind) ([]input, error) {
	if path == Stdin {
		return []input{{path: Stdin, kind: kind}}, nil
	}
	info, err := os.Stat(path)
	if err != nil && strings.ContainsAny(path, "*?[") {
		return expandGlob(path, kind)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoFile, err)
	}
	if info.IsDir() {
		return expandFolder(path, kind)
	}
	k, comp := classify(path)
	if kind != Auto {
		k = kind
	}
	if k == Auto {
		return nil, fmt.Errorf("%w: %s (known: .jsonl .ndjson .json .txt .text .md, each also .gz or .zst)", ErrFormat, path)
	}
	return []input{{path, k, comp}}, nil
}

func expandGlob(pattern string, kind Kind) ([]input, error) {
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%w: glob %q: %w", ErrNoFile, pattern, err)
	}
	if len(matches) == 0 {
		return nil, fmt.Errorf("%w: glob %q matches nothing", ErrNoFile, pattern)
	}
	slices.Sort(matches)
	var inputs []input
	for _, m := range matches {
		found, err := expandOne(m, kind)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, found...)
	}
	return inputs, nil
}

// expandFolder takes every regular file with a known name below a folder. Hidden
// names, links, devices and names of no known format are passed over.
func expandFolder(root string, kind Kind) ([]input, error) {
	var inputs []input
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != root && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		k, comp := classify(p)
		if d.Type().IsRegular() && k != Auto && (kind == Auto || kind == k) {
			inputs = append(inputs, input{p, k, comp})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoFile, err)
	}
	if len(inputs) == 0 {
		return nil, fmt.Errorf("%w: folder %s holds no .jsonl or .txt file (plain, .gz, .zst)", ErrNoFile, root)
	}
	return inputs, nil
}
