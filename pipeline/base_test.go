package pipeline

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/model/hf"
)

// What comes with the program is a base of these settings, whole, with the sample's tokenizer, and says how it was made.
func TestEmbeddedBaseFitsTheSettings(t *testing.T) {
	q := &quickstart{Settings: Defaults()}
	q.Out = t.TempDir()
	dir, err := q.base()
	if err != nil {
		t.Fatal(err)
	}
	if err := durable.VerifyDir(durable.OS, dir); err != nil {
		t.Error(err)
	}
	folder, err := hf.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	want := q.Settings.Model
	want.VocabSize, want.BOS, want.EOS, want.DType = folder.Config.VocabSize, folder.Config.BOS, folder.Config.EOS, "bfloat16"
	if got, want := hf.FormatConfig(folder.Config), hf.FormatConfig(&want); !bytes.Equal(got, want) {
		t.Errorf("the base's configuration is\n%s\nthe settings'\n%s\nmake quickstart-base trains a new one", got, want)
	}
	if tok, err := os.ReadFile(filepath.Join(dir, hf.TokenizerName)); err != nil || !bytes.Equal(tok, sample.Tokenizer()) {
		t.Errorf("the base has another tokenizer than the sample (%v): make quickstart-base trains a new one", err)
	}
	made, err := readMade(dir)
	if err != nil || made == nil || made.Parameters != folder.Config.NumParams() || made.Steps != q.BaseTrain.Steps {
		t.Errorf("how it was made: %+v, %v; the settings have %d steps", made, err, q.BaseTrain.Steps)
	}
	if info, err := os.Stat(filepath.Join(dir, "model.safetensors")); err != nil || info.Size() > 8<<20 {
		t.Errorf("weights: %v, %v; at most 8 MiB travel with the program", info, err)
	}
}

// Who is met in the base's worlds is met in no quickstart's.
func TestBaseMeetsNobodyOfAQuickstart(t *testing.T) {
	met := map[string]bool{}
	for i := range 2 {
		for _, text := range baseWorld(Defaults().World, i).Texts(sample.Train) {
			met[text.Facts[0].Entity] = true
		}
	}
	for _, seed := range []uint64{1, baseSeed} {
		w := sample.NewWorld(seed, Defaults().World)
		for _, split := range sample.Splits {
			for _, text := range w.Texts(split) {
				for _, f := range text.Facts {
					if met[f.Entity] || met[f.Value] {
						t.Fatalf("seed %d: %s or %s of %s has been met", seed, f.Entity, f.Value, text.ID)
					}
				}
			}
		}
	}
}

func TestMakeBaseWantsANewFolder(t *testing.T) {
	if _, err := MakeBase(t.Context(), small(t.TempDir()), t.TempDir()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
}
