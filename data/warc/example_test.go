package warc_test

import (
	"fmt"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/warc"
)

func ExampleTables() {
	archive := "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://example.org/\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n" +
		"It rained.\r\n\r\n\r\n"
	in := data.Options{Tables: warc.Tables(), Stdin: strings.NewReader(archive)}
	for doc, err := range data.Documents([]string{"-"}, in) {
		fmt.Println(doc.ID, doc.Text, err)
	}
	// Output: http://example.org/ It rained. <nil>
}
