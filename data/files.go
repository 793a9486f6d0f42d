package data

import (
	"fmt"
	"io"
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
	table   // read by Options.Tables
	archive // .zip: its members are files
)

// classify tells kind and compression by the name: x.jsonl.zst, x.txt, …
func classify(path string) (Kind, compression) {
	name, comp := packedAs(strings.ToLower(filepath.Base(path)))
	switch filepath.Ext(name) {
	case ".jsonl", ".ndjson", ".json":
		return JSONL, comp
	case ".txt", ".text", ".md":
		return Text, comp
	case ".zip":
		if comp == plain {
			return archive, comp
		}
	}
	return Auto, comp
}

// layout tells kind and compression by the name, tables included.
func (o *Options) layout(path string) (Kind, compression) {
	k, comp := classify(path)
	if k == Auto && o.Tables != nil && o.Tables.Knows(path) {
		k = table
	}
	return k, comp
}

// known lists the formats for messages.
func (o *Options) known() string {
	more := ""
	if o.Tables != nil && o.Tables.Names != "" {
		more = " " + o.Tables.Names
	}
	return ".jsonl .ndjson .json .txt .text .md" + more + "; all but Parquet also .gz .zst .bz2 .xz or .lz4; .zip"
}

// Inputs turns paths, globs, folders, archives and "-" into files, in the order given and sorted by name within a glob, folder
// or archive, so that a corpus always reads the same. A path that starts with s3:// is one of Options.Store, in the same forms.
// The folder of a synthesis is its chains. Errors are ErrNoFile and ErrFormat, and those of the store.
func Inputs(paths []string, opt Options) ([]*File, error) {
	var inputs []*File
	for _, p := range paths {
		found, err := expandOne(p, &opt)
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

// Stamp writes a line for each file: its name, size and what Version says. Equal lines, files that nobody has touched.
func Stamp(w io.Writer, files []*File) error {
	for _, f := range files {
		size, stamp, err := f.Version()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%q %d %s\n", f.Name(), size, stamp)
	}
	return nil
}

func expandOne(path string, opt *Options) ([]*File, error) {
	if path == Stdin {
		return []*File{{path: Stdin, kind: opt.Kind}}, nil
	}
	if IsObject(path) {
		return expandObjects(path, opt)
	}
	info, err := os.Stat(path)
	if err != nil && strings.ContainsAny(path, globMeta) {
		return expandGlob(path, opt)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoFile, err)
	}
	if info.IsDir() {
		return expandFolder(path, opt)
	}
	return named(path, disk(path), opt)
}

// globMeta are the characters that make a path a pattern.
const globMeta = "*?["

// named is one file that was asked for: its format must be known.
func named(path string, from source, opt *Options) ([]*File, error) {
	files, err := known(path, from, opt)
	if err == nil && len(files) == 0 {
		if k, _ := classify(path); k == archive {
			return nil, fmt.Errorf("%w: no member of %s has a known format (known: %s)", ErrNoFile, path, opt.known())
		}
		return nil, fmt.Errorf("%w: %s (known: %s)", ErrFormat, path, opt.known())
	}
	return files, err
}

// known is one file, or the members of an archive, if they can be read as what is wanted.
func known(path string, from source, opt *Options) ([]*File, error) {
	k, comp := opt.layout(path)
	switch {
	case k == archive:
		return expandZip(path, from, opt)
	case opt.Kind != Auto:
		k = opt.Kind
	case k == Auto:
		return nil, nil
	}
	return []*File{{path, k, comp, from}}, nil
}

// inside is what a folder's or an archive's file gives: with a layout asked for, only names that have it.
func inside(path string, from source, opt *Options) ([]*File, error) {
	if k, _ := opt.layout(path); k == Auto || opt.Kind != Auto && k != opt.Kind && k != archive {
		return nil, nil
	}
	return known(path, from, opt)
}

func expandGlob(pattern string, opt *Options) ([]*File, error) {
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%w: glob %q: %w", ErrNoFile, pattern, err)
	}
	if len(matches) == 0 {
		return nil, fmt.Errorf("%w: glob %q matches nothing", ErrNoFile, pattern)
	}
	slices.Sort(matches)
	var inputs []*File
	for _, m := range matches {
		found, err := expandOne(m, opt)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, found...)
	}
	return inputs, nil
}

// ofPrimer gives the files of a folder that says itself what it holds: of a synthesis or of an export.
func ofPrimer(dir string, opt *Options) ([]*File, bool, error) {
	if made, ours, err := synthesized(dir); ours || err != nil {
		return made, true, err
	}
	return exported(dir, opt)
}

// expandFolder takes every regular file with a known name below a folder, and folders of Primer's as what they hold. Hidden
// names, links, devices and names of no known format are passed over.
func expandFolder(root string, opt *Options) ([]*File, error) {
	if made, ours, err := ofPrimer(root, opt); ours || err != nil {
		return made, err
	}
	var inputs []*File
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
		if d.IsDir() && p != root {
			made, ours, err := ofPrimer(p, opt)
			if inputs = append(inputs, made...); ours && err == nil {
				return filepath.SkipDir
			}
			return err
		}
		if !d.Type().IsRegular() {
			return nil
		}
		found, err := inside(p, disk(p), opt)
		inputs = append(inputs, found...)
		return err
	})
	if err != nil {
		return nil, noFile(err)
	}
	if len(inputs) == 0 {
		return nil, fmt.Errorf("%w: folder %s holds no file of a known format (known: %s)", ErrNoFile, root, opt.known())
	}
	return inputs, nil
}
