package curate

import (
	"syscall"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

// benchTexts are 4 MB of prose in documents of some 3 KB.
func benchTexts() (list []data.Document, bytes int64) {
	w := newWriter(40)
	for i := 0; bytes < 4e6; i++ {
		list = append(list, document(i, w.text(20+i%40)))
		bytes += int64(len(list[i].Text))
	}
	return list, bytes
}

// perCPU reports bytes for each second of processor time, which a machine that is busy with other things does not spoil.
func perCPU(b *testing.B, bytes int64, run func()) {
	used := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	b.SetBytes(bytes)
	before, n := used(), 0
	for b.Loop() {
		run()
		n++
	}
	b.ReportMetric(float64(bytes)*float64(n)/1e6/(used()-before), "MB/cpu-s")
}

// BenchmarkStage is one core's speed of what each stage computes, in bytes of text, without reading and writing.
func BenchmarkStage(b *testing.B) {
	list, bytes := benchTexts()
	set := Default()
	w := newWriter(41)
	var examples []data.Example
	for i := range 5000 {
		examples = append(examples, example(string(rune('a'+i%26)), w.text(4), w.sentence(), w.sentence()))
	}
	set.Decontaminate.Sets = []EvaluationSet{evalSet(b, "e", examples...)}
	it, err := loadItems(b.Context(), &set.Decontaminate, 1)
	if err != nil {
		b.Fatal(err)
	}
	r := &run{set: set, items: it}
	for _, name := range []string{NormaliseStage, LanguageStage, QualityStage, CleanStage} {
		st, err := r.newStage(name, "")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			dropped := 0
			perCPU(b, bytes, func() {
				dropped = 0
				for i := range list {
					doc := list[i]
					if v := st.(judge).judge(0, &doc); v.drop != nil {
						dropped++
					}
				}
			})
			b.ReportMetric(float64(dropped)/float64(len(list)), "dropped/doc")
		})
	}
	b.Run(ExactStage, func(b *testing.B) {
		var scratch []byte
		perCPU(b, bytes, func() {
			for i := range list {
				_, scratch = fingerprint(list[i].Text, scratch)
			}
		})
	})
	b.Run(NearStage, func(b *testing.B) {
		s := newSigner(newNear(set.Near, 1, spill{}))
		var keys []entry
		perCPU(b, bytes, func() {
			for i := range list {
				keys = s.keys(keys[:0], list[i].Text, int64(i))
			}
		})
	})
}

// BenchmarkWords is the scanner alone, BenchmarkMinimise the inner loop: bytes are shingles · hashes · 8.
func BenchmarkWords(b *testing.B) {
	list, bytes := benchTexts()
	perCPU(b, bytes, func() {
		var s words
		for i := range list {
			s.text, s.pos = list[i].Text, 0
			var w word
			for s.next(&w) {
			}
		}
	})
}

func BenchmarkMinimise(b *testing.B) {
	x := newNear(Default().Near, 1, spill{})
	shingles := make([]uint64, shinglesAtATime)
	for i := range shingles {
		shingles[i] = mix(uint64(i))
	}
	minima := make([]uint64, len(x.multipliers))
	perCPU(b, int64(8*len(shingles)*len(minima)), func() { minimise(minima, x.multipliers, shingles) })
}

// BenchmarkSort sorts a million entries in memory, and with runs on disk.
func BenchmarkSort(b *testing.B) {
	for name, memory := range map[string]int64{"memory": 64 << 20, "disk": 2 << 20} {
		b.Run(name, func(b *testing.B) {
			const n = 1 << 20
			dir := b.TempDir()
			perCPU(b, n*entryBytes, func() {
				s := newSorter(spill{durable.OS, dir, memory}, "x")
				for i := range n {
					if err := s.add(entry{mix(uint64(i)), 0, int64(i)}); err != nil {
						b.Fatal(err)
					}
				}
				if err := s.each(func(entry) error { return nil }); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkRun is the whole way from files to files, all stages but the language, with all cores.
func BenchmarkRun(b *testing.B) {
	list, bytes := benchTexts()
	in := b.TempDir() + "/in.jsonl.zst"
	if _, err := data.WriteFile(durable.OS, in, data.All(list)); err != nil {
		b.Fatal(err)
	}
	set := Default()
	set.Stages = []string{NormaliseStage, QualityStage, ExactStage, NearStage}
	perCPU(b, bytes, func() {
		if _, err := Run(b.Context(), Options{Dir: b.TempDir() + "/out", Settings: set, Source: Files([]string{in}, data.Options{})}); err != nil {
			b.Fatal(err)
		}
	})
}
