package sample

// Split is a part of the world. No name stands in two of them.
type Split string

// The splits.
const (
	Warm          Split = "warm"          // tuning, first stage: few facts, only names are asked for
	Short         Split = "short"         // tuning, second stage: few facts, every task
	Train         Split = "train"         // tuning, documents of every length
	HeldOut       Split = "held-out"      // with pairs, to score the synthesizer on
	Raw           Split = "raw"           // the raw corpus for synthesis and pre-training
	HeldOutRaw    Split = "held-out-raw"  // raw documents never trained on, for perplexity
	Comprehension Split = "comprehension" // texts to be read during evaluation
	unseen        Split = "unseen"        // wrong options: names of no text at all
)

// Splits lists the splits that hold documents.
var Splits = []Split{Warm, Short, Train, HeldOut, Raw, HeldOutRaw, Comprehension}

// maxFacts is the most facts a document tells; namesPerDocument the most names
// its facts can use up (a machine: itself, maker, home, keeper, hall).
const (
	maxFacts         = 5
	namesPerDocument = 5
)

// shares are the first and last thousandth of the name book that a split owns.
var shares = map[Split][2]int{
	Warm: {0, 100}, Short: {100, 200}, Train: {200, 330}, HeldOut: {330, 468}, Raw: {468, 598},
	HeldOutRaw: {598, 678}, Comprehension: {678, 758}, unseen: {758, 1000},
}

// names is how many of a world's names a split owns.
func (s Split) names(of int) int {
	return (shares[s][1] - shares[s][0]) * of / 1000
}

// reuses says whether the documents of a split may share names with each other:
// in tuning, a name that means something else in each text must be copied. In
// the other splits a name means one thing.
func (s Split) reuses() bool { return s == Warm || s == Short || s == Train }

// part is the part-th of so many parts of a split's names.
func (b nameBook) part(s Split, part, parts int) *namer {
	size := s.names(len(b)) / parts
	first := shares[s][0]*len(b)/1000 + part*size
	return &namer{book: b, first: first, next: first, end: first + size}
}

// documents is how many documents a split holds.
func (o *Options) documents(s Split) int {
	switch s {
	case Warm:
		return o.Warm
	case Short:
		return o.Short
	case Train:
		return o.Train
	case HeldOut:
		return o.HeldOut
	case Raw:
		return o.Raw
	case HeldOutRaw:
		return o.HeldOutRaw
	case Comprehension:
		return o.Comprehension
	}
	panic("sample: unknown split")
}

// facts are the weights of the number of facts in a split's documents.
func (o *Options) facts(s Split) []int {
	switch s {
	case Warm:
		return o.WarmFacts
	case Short:
		return o.ShortFacts
	case Raw, HeldOutRaw, Comprehension:
		return o.RawFacts
	}
	return o.Facts
}
