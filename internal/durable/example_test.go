package durable_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/primer-lm/primer/internal/durable"
)

func ExampleWriteFile() {
	dir, err := os.MkdirTemp("", "durable")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "reports", "report.txt")
	err = durable.WriteFile(durable.OS, path, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, "whole or not at all")
		return err
	})
	text, _ := os.ReadFile(path)
	fmt.Print(err, " ", string(text))
	// Output: <nil> whole or not at all
}

func ExampleCommitDir() {
	dir, err := os.MkdirTemp("", "durable")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	step := filepath.Join(dir, "step-100")
	err = durable.CommitDir(durable.OS, step, func(tmp *durable.Dir) error {
		return tmp.WriteFile("state/moments", func(w io.Writer) error {
			_, err := w.Write(make([]byte, 4096))
			return err
		})
	})
	fmt.Println(err, durable.VerifyDir(durable.OS, step))
	m, _ := durable.ReadManifest(durable.OS, step)
	fmt.Println(m.Files["state/moments"].Bytes)
	// Output:
	// <nil> <nil>
	// 4096
}
