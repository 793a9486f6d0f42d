package export_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/export"
	"github.com/primer-lm/primer/internal/durable"
)

func ExampleHuggingFace() {
	parent, err := os.MkdirTemp("", "export")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(parent)
	docs := []data.Document{{ID: "1", Text: "It rained."}, {ID: "2", Text: "The river rose."}}
	info, err := export.HuggingFace(durable.OS, filepath.Join(parent, "weather"), data.All(docs), export.Options{License: "cc0-1.0"})
	fmt.Println(info.Records, info.Files, err)
	// Output: 2 [{data/train-00000-of-00001.parquet 2}] <nil>
}
