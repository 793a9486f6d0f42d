package export

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/primer-lm/primer/internal/durable"
)

var (
	splitName   = regexp.MustCompile(`^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$`)
	licenseName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)
)

// HuggingFace writes a folder that datasets.load_dataset loads and that can be pushed to a hub as it is: Parquet files under
// data/ and a card.
func HuggingFace[R Record](fsys durable.FS, dir string, records iter.Seq2[R, error], opt Options) (Info, error) {
	opt.Split, opt.License, opt.Title = cmp.Or(opt.Split, "train"), cmp.Or(opt.License, "unknown"), cmp.Or(opt.Title, filepath.Base(filepath.Clean(dir)))
	switch {
	case !splitName.MatchString(opt.Split):
		return Info{}, fmt.Errorf("%w: split %q: letters, digits, _ and single dots are wanted", ErrOption, opt.Split)
	case !licenseName.MatchString(opt.License):
		return Info{}, fmt.Errorf("%w: license %q: an identifier such as cc-by-4.0 is wanted", ErrOption, opt.License)
	}
	name := "data/" + opt.Split + "-%05d"
	return write(fsys, dir, "hf", records, opt, openParquet[R], func(int) string { return name + ".parquet" },
		func(tmp *durable.Dir, info *Info) error {
			for i := range info.Files { // the names tell how many there are
				to := fmt.Sprintf(name+"-of-%05d.parquet", i, len(info.Files))
				if err := tmp.Rename(info.Files[i].File, to); err != nil {
					return err
				}
				info.Files[i].File = to
			}
			return tmp.WriteFile("README.md", func(w io.Writer) error {
				_, err := io.WriteString(w, card(tmp, info, &opt))
				return err
			})
		})
}

// card is the dataset's README.md: front matter for programs, a few lines for people.
func card(tmp *durable.Dir, info *Info, opt *Options) string {
	var b strings.Builder
	stored := int64(0)
	for _, f := range info.Files {
		if sum, ok := tmp.Sum(f.File); ok {
			stored += sum.Bytes
		}
	}
	fmt.Fprintf(&b, "---\nlicense: %s\nsize_categories:\n- %s\nconfigs:\n- config_name: default\n  data_files:\n  - split: %s\n    path: data/%s-*\n",
		opt.License, sizeCategory(info.Records), opt.Split, opt.Split)
	fmt.Fprintf(&b, "dataset_info:\n  features:\n%s  splits:\n  - name: %s\n    num_bytes: %d\n    num_examples: %d\n  download_size: %d\n  dataset_size: %d\n---\n\n",
		features[info.Kind], opt.Split, info.Bytes, info.Records, stored, info.Bytes)
	fmt.Fprintf(&b, "# %s\n\n%d %s with %d bytes of text in %d Parquet files, exported by Primer.\n", heading(opt.Title), info.Records, info.Kind, info.Bytes, len(info.Files))
	b.WriteString("Columns `extra` and `scores` hold JSON objects as text. `MANIFEST.json` has the size and sha256 of every file.\n")
	return b.String()
}

// heading keeps a title on its line.
func heading(title string) string { return strings.Join(strings.Fields(title), " ") }

// sizeCategory is one of the hub's names for a number of records.
func sizeCategory(n int64) string {
	steps := []struct {
		below int64
		name  string
	}{{1e3, "n<1K"}, {1e4, "1K<n<10K"}, {1e5, "10K<n<100K"}, {1e6, "100K<n<1M"}, {1e7, "1M<n<10M"}, {1e8, "10M<n<100M"}, {1e9, "100M<n<1B"},
		{1e10, "1B<n<10B"}, {1e11, "10B<n<100B"}, {1e12, "100B<n<1T"}}
	for _, s := range steps {
		if n < s.below {
			return s.name
		}
	}
	return "n>1T"
}

// features of the rows in parquet.go, as the hub's YAML has them.
var features = map[string]string{
	"documents": strs(2, "id", "text", "title", "source", "domain", "extra"),
	"examples":  exampleFeatures(2),
	"chains":    strs(2, "id") + "  - name: examples\n    list:\n" + exampleFeatures(4) + strs(2, "extra"),
}

func strs(indent int, names ...string) string {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%"+strconv.Itoa(indent)+"s- name: %s\n%"+strconv.Itoa(indent)+"s  dtype: string\n", "", name, "")
	}
	return b.String()
}

func exampleFeatures(indent int) string {
	pad := strings.Repeat(" ", indent)
	return strs(indent, "id", "text", "title", "source", "domain") + pad + "- name: pairs\n" + pad + "  list:\n" +
		strs(indent+2, "instruction", "response") + pad + "  - name: options\n" + pad + "    list: string\n" + strs(indent+2, "thought", "scores", "extra") +
		strs(indent, "extra")
}
