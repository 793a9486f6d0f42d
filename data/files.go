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
	table // read by Options.Tables
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
// sorted by name within a glob or folder, so that a corpus always reads the same. The folder of a synthesis is its chains.
func expand(paths []string, opt *Options) ([]input, error) {
	var inputs []input
	for _, p := range paths {
		found, err := expandOne(p, opt)
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

func expandOne(path string, opt *Options) ([]input, error) {
	if path == Stdin {
		return []input{{path: Stdin, kind: opt.Kind}}, nil
	}
	info, err := os.Stat(path)
	if err != nil && strings.ContainsAny(path, "*?[") {
		return expandGlob(path, opt)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoFile, err)
	}
	if info.IsDir() {
		return expandFolder(path, opt)
	}
	k, comp := opt.layout(path)
	if opt.Kind != Auto {
		k = opt.Kind
	}
	if k == Auto {
		more := ""
		if opt.Tables != nil {
			more = "; .parquet; .csv .tsv, also .gz or .zst"
		}
		return nil, fmt.Errorf("%w: %s (known: .jsonl .ndjson .json .txt .text .md, each also .gz or .zst%s)", ErrFormat, path, more)
	}
	return []input{{path, k, comp}}, nil
}

// layout tells kind and compression by the name, tables included.
func (o *Options) layout(path string) (Kind, compression) {
	k, comp := classify(path)
	if k == Auto && o.Tables != nil && o.Tables.Knows(path) {
		k = table
	}
	return k, comp
}

func expandGlob(pattern string, opt *Options) ([]input, error) {
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
		found, err := expandOne(m, opt)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, found...)
	}
	return inputs, nil
}

// expandFolder takes every regular file with a known name below a folder. Hidden
// names, links, devices and names of no known format are passed over.
func expandFolder(root string, opt *Options) ([]input, error) {
	if made, ours, err := synthesized(root); ours || err != nil {
		return made, err
	}
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
		k, comp := opt.layout(p)
		if d.Type().IsRegular() && k != Auto && (opt.Kind == Auto || opt.Kind == k) {
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
