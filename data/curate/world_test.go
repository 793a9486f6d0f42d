package curate

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"

	"github.com/primer-lm/primer/data"
)

// writer invents English-looking prose that passes every filter: sentences of invented words with the small words of English between.
type writer struct {
	r     *rand.Rand
	words []string
}

var small = strings.Fields("the the the of of and and to to a in that was for with as his her had it is at by on from not be have were which their")

func newWriter(seed uint64) *writer {
	w := &writer{r: rand.New(rand.NewPCG(seed, 7))}
	starts := strings.Fields("br c d fl g h k l m n p r s t st tr w v sh gr")
	vowels := strings.Fields("a e i o u ea ou ai")
	ends := strings.Fields("n r st ll t ding mer ver son den ch ght")
	for range 4000 {
		s := starts[w.r.IntN(len(starts))] + vowels[w.r.IntN(len(vowels))]
		if w.r.IntN(2) == 0 {
			s += starts[w.r.IntN(len(starts))] + vowels[w.r.IntN(len(vowels))]
		}
		w.words = append(w.words, s+ends[w.r.IntN(len(ends))])
	}
	return w
}

func (w *writer) word() string {
	if w.r.IntN(5) < 2 {
		return small[w.r.IntN(len(small))]
	}
	return w.words[min(w.r.IntN(len(w.words)), w.r.IntN(len(w.words)))]
}

// sentence has 6 to 18 words.
func (w *writer) sentence() string {
	var list []string
	for range 6 + w.r.IntN(13) {
		list = append(list, w.word())
	}
	list[0] = strings.ToUpper(list[0][:1]) + list[0][1:]
	return strings.Join(list, " ") + "."
}

// text has some sentences, in paragraphs of four.
func (w *writer) text(sentences int) string {
	var b strings.Builder
	for i := range sentences {
		switch {
		case i == 0:
		case i%4 == 0:
			b.WriteString("\n\n")
		default:
			b.WriteByte(' ')
		}
		b.WriteString(w.sentence())
	}
	return b.String()
}

// docs makes a source of documents.
func docs(key string, list ...data.Document) Source { return source(key, data.All(list)) }

func source(key string, all iter.Seq2[data.Document, error]) Source {
	return Source{
		Documents: func(report *data.Report) iter.Seq2[data.Document, error] {
			*report = data.Report{Files: 1}
			return all
		},
		Key: keyed(key),
	}
}

func document(i int, text string) data.Document {
	return data.Document{ID: fmt.Sprintf("d%d", i), Text: text}
}
