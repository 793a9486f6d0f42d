package mix

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// lengths is a source of which only lengths matter: unit i has length(i) tokens, its tokens name lane, unit and place.
type lengths struct {
	lane   int32
	length []int32
	total  int64
}

func lengthsOf(lane int32, n int, draw func(rng *rand.Rand) float64) *lengths {
	rng := rand.New(rand.NewPCG(uint64(lane), 7))
	s := &lengths{lane: lane, length: make([]int32, n)}
	for i := range s.length {
		s.length[i] = int32(max(3, min(100_000, draw(rng))))
		s.total += int64(s.length[i])
	}
	return s
}

func (s *lengths) Len() int64                   { return int64(len(s.length)) }
func (s *lengths) Tokens() int64                { return s.total }
func (s *lengths) UnitLen(i int64) (int, error) { return int(s.length[i]), nil }
func (s *lengths) Read(i int64, from int, tokens []int32, mask []uint8) error {
	for j := range tokens {
		tokens[j] = s.lane<<28 | int32(i%1000)<<18 | int32(from+j)
		mask[j] = 1
	}
	return nil
}

func constant(n float64) func(*rand.Rand) float64 { return func(*rand.Rand) float64 { return n } }
func exponential(mean float64) func(*rand.Rand) float64 {
	return func(rng *rand.Rand) float64 { return mean * rng.ExpFloat64() }
}
func pareto(least, shape float64) func(*rand.Rand) float64 {
	return func(rng *rand.Rand) float64 { return least / math.Pow(1-rng.Float64(), 1/shape) }
}

// Shares hold to 0.1 % over any 10M tokens (rows of 8,192: 0.15 %), whatever the lengths of units: every window that begins at a row's start is looked at.
func TestSharesOverAnyTenMillionTokens(t *testing.T) {
	worst := 0.0
	for name, sources := range map[string][]*lengths{
		"short":    {lengthsOf(1, 300_000, exponential(80)), lengthsOf(2, 50_000, constant(30)), lengthsOf(3, 20_000, exponential(300))},
		"heavy":    {lengthsOf(1, 60_000, pareto(60, 1.05)), lengthsOf(2, 90_000, exponential(500)), lengthsOf(3, 200_000, constant(10))},
		"books":    {lengthsOf(1, 300, constant(100_000)), lengthsOf(2, 300, constant(99_999)), lengthsOf(3, 400, pareto(20_000, 1))},
		"a book":   {lengthsOf(1, 30_000, exponential(700)), lengthsOf(2, 300, constant(100_000)), lengthsOf(3, 3_000, constant(2000))},
		"one rare": {lengthsOf(1, 30_000, exponential(700)), lengthsOf(2, 30_000, constant(600)), lengthsOf(3, 300, constant(100_000))},
	} {
		for i, weights := range [][]float64{{1, 1, 1}, {0.6, 0.3, 0.1}, {0.8, 0.199, 0.001}} {
			for _, length := range [][]int{{2048}, {4096}, {4096, 8192}}[i] {
				off := worstShare(t, sources, weights, length)
				most := 0.001
				if length > 4096 {
					most = 0.0015
				}
				if !(off <= most) {
					t.Errorf("%s, weights %v, rows of %d: a share is off by %.4f%%", name, weights, length, 100*off)
				}
				worst = max(worst, off)
			}
		}
	}
	t.Logf("a share is off by at most %.4f%%", 100*worst)
}

// worstShare is how far a share over 10M tokens is from its weight at most.
func worstShare(t *testing.T, sources []*lengths, weights []float64, length int) float64 {
	t.Helper()
	const window, tokens = 10_000_000, 23_000_000
	var parts []Part
	sum := 0.0
	for i, s := range sources {
		parts = append(parts, Part{Name: fmt.Sprint(i), Source: s, Weight: weights[i]})
		sum += weights[i]
	}
	s := mixture(t, parts, Options{Seed: 3, Length: length, Budget: tokens}).Stream()
	rows := window / length
	var taken [][]int64 // per row
	worst := 0.0
	for s.Row() < s.m.Rows() {
		at := make([]int64, len(parts))
		for i := range at {
			at[i] = s.cur.consumed(i)
		}
		if taken = append(taken, at); len(taken) > rows {
			for i := range at {
				share := float64(at[i]-taken[len(taken)-1-rows][i]) / float64(rows*length)
				worst = max(worst, math.Abs(share-weights[i]/sum))
			}
		}
		if err := s.Skip(1); err != nil {
			t.Fatal(err)
		}
	}
	if len(taken) < 2*rows {
		t.Fatalf("only %d rows", len(taken))
	}
	return worst
}

// With units that wait every token still comes once, in order within its unit, and a target is always the next token of the same
// unit, or the first of the next; what goes on behind others is no target.
func TestUnitsThatWait(t *testing.T) {
	for _, separate := range []bool{false, true} {
		parts := []Part{{Name: "books", Source: lengthsOf(1, 4, constant(20_000))}, {Name: "texts", Source: lengthsOf(2, 300, exponential(300))},
			{Name: "reports", Source: lengthsOf(3, 12, constant(7_001))}}
		m := mixture(t, parts, Options{Seed: 2, Length: 512, Separate: separate})
		next := map[[2]int32]int32{} // by lane and unit: the place that comes
		waits, ends, tokens := 0, 0, int64(0)
		for _, b := range drain(t, m.Stream(), 3) {
			starts := map[int32]bool{}
			for _, c := range b.CuLens {
				starts[c] = true
			}
			for i, id := range b.Tokens {
				unit, at := [2]int32{id >> 28, id >> 18 & 1023}, id&(1<<18-1)
				if next[unit] != at {
					t.Fatalf("unit %v goes on at %d, not %d", unit, at, next[unit])
				}
				next[unit]++
				tokens++
				goesOn := i+1 < len(b.Tokens) && b.Tokens[i+1] == id+1
				target := b.Targets[i]
				switch {
				case goesOn || target == id+1:
					if b.Mask[i] != 1 || target != id+1 {
						t.Fatalf("token %d of %v: target %d mask %d", at, unit, target, b.Mask[i])
					}
					if !goesOn && i+1 < len(b.Tokens) {
						if waits++; (i+1)%512 != 0 {
							t.Fatalf("unit %v waits within a row, at %d", unit, i)
						}
					}
				case target&(1<<18-1) != 0: // a unit that waited goes on
					if ends++; b.Mask[i] != 0 {
						t.Fatalf("the middle of %v is the target of another's end", unit)
					}
				case b.Mask[i] != 1 && !separate && tokens < m.Tokens():
					t.Fatalf("an end of %v does not count", unit)
				}
				if separate && i > 0 && id != b.Tokens[i-1]+1 && !starts[int32(i)] {
					t.Fatalf("no document begins at %d", i)
				}
			}
		}
		total := int64(0)
		for _, p := range parts {
			total += p.Source.Tokens()
		}
		if waits < 20 || ends < 1 || tokens != total/512*512 {
			t.Errorf("%d waits, %d ends, %d of %d tokens", waits, ends, tokens, total)
		}
	}
}

// A run is killed at random places, its saved position goes through JSON, and what follows is what would have followed, with units
// that wait, several passes and every way of packing.
func TestResumeAnywhere(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for trial := range 40 {
		opt := Options{Seed: rng.Uint64(), Length: 64 << rng.IntN(4), Budget: 150_000, Separate: rng.IntN(2) == 0, Measure: Measure(rng.IntN(2))}
		parts := []Part{{Name: "books", Source: lengthsOf(1, 5, constant(9_000)), Weight: 1 + rng.Float64()},
			{Name: "texts", Source: lengthsOf(2, 60, pareto(50, 1.1)), Weight: rng.Float64()},
			{Name: "lines", Source: lengthsOf(3, 40, constant(9)), Weight: 0.1}}
		m := mixture(t, parts, opt)
		rows := 1 + rng.IntN(9)
		want := drain(t, m.Stream(), rows)
		s, paused := m.Stream(), false
		for i := 0; ; {
			st := s.State()
			raw, err := json.Marshal(st)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range st.Lanes {
				paused = paused || l.Paused > 0
			}
			var back State
			if err := json.Unmarshal(raw, &back); err != nil {
				t.Fatal(err)
			}
			if s, err = m.Resume(back); err != nil { // as a new process does
				t.Fatal(err)
			}
			if !reflect.DeepEqual(s.Manifest(), manifestAfter(t, m, st.Row)) {
				t.Fatalf("trial %d: the manifest after row %d differs", trial, st.Row)
			}
			for range 1 + rng.IntN(12) {
				b, err := s.Next(rows)
				if err == io.EOF {
					i = -1
					break
				}
				if !reflect.DeepEqual(b, want[i]) {
					t.Fatalf("trial %d, %+v: batch %d differs", trial, opt, i)
				}
				i++
			}
			if i < 0 {
				break
			}
		}
		if opt.Measure == ByTokens && !paused && opt.Length < 512 {
			t.Errorf("trial %d: no unit waited", trial)
		}
	}
}

func manifestAfter(t *testing.T, m *Mixture, row int64) Manifest {
	t.Helper()
	s := m.Stream()
	if err := s.Skip(row); err != nil {
		t.Fatal(err)
	}
	return s.Manifest()
}

// What a manifest says was taken is what the rows hold.
func TestManifestIsWhatWasTaken(t *testing.T) {
	parts := []Part{{Name: "books", Source: lengthsOf(1, 4, constant(20_000)), Weight: 2}, {Name: "texts", Source: lengthsOf(2, 300, exponential(300)), Weight: 1},
		{Name: "few", Source: lengthsOf(3, 12, constant(101)), Weight: 1, Short: ShortEnd}}
	m := mixture(t, parts, Options{Seed: 2, Length: 512, Budget: 100_000})
	s, counted := m.Stream(), make([]int64, 3)
	for {
		b, err := s.Next(5)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range b.Tokens {
			counted[id>>28-1]++
		}
		total := int64(0)
		for i, taken := range s.Manifest().Sources {
			total += taken.Tokens
			if taken.Tokens != counted[i] || taken.Repeats != float64(counted[i])/float64(parts[i].Source.Tokens()) {
				t.Fatalf("row %d: %+v, counted %d", s.Row(), taken, counted[i])
			}
		}
		if total != s.Row()*512 {
			t.Fatalf("row %d: %d tokens", s.Row(), total)
		}
	}
	few := s.Manifest().Sources[2]
	if few.Units != 12 || few.Asked != 0.25 || few.Share > 0.013 || few.Share < 0.0115 {
		t.Errorf("a source that ends: %+v", few)
	}
}

func TestShortSources(t *testing.T) {
	big, small := lengthsOf(1, 1000, constant(100)), lengthsOf(2, 50, constant(100)) // 100,000 and 5,000 tokens
	take := func(opt Options, parts ...Part) []Taken {
		t.Helper()
		s := mixture(t, parts, opt).Stream()
		if err := s.Skip(s.m.Rows()); err != nil {
			t.Fatal(err)
		}
		return s.Manifest().Sources
	}
	near := func(name string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= 0.005*want+0.003) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for _, by := range []Measure{ByTokens, ByTexts} {
		opt := Options{Length: 100, Budget: 80_000, Measure: by}
		half := func(s Short) []Taken {
			return take(opt, Part{Name: "a", Source: big, Weight: 1}, Part{Name: "b", Source: small, Weight: 1, Repeats: 1, Short: s})
		}
		got := half(ShortRepeat)
		near("repeat: share", got[1].Share, 0.5)
		near("repeat: passes", got[1].Repeats, 8)
		got = half(ShortEnd)
		near("end: passes", got[1].Repeats, 1)
		near("end: share", got[1].Share, 5.0/80)
		near("end: asked", got[1].Asked, 0.5)
	}
	// Without weights: what is limited gives all, what may repeat the rest.
	got := take(Options{Length: 100, Budget: 300_000}, Part{Name: "a", Source: big, Repeats: 1, Short: ShortRepeat}, Part{Name: "b", Source: small, Repeats: 4})
	near("natural: passes of what repeats", got[0].Repeats, 2.8)
	near("natural: passes of what is limited", got[1].Repeats, 4)
	if _, err := New([]Part{{Name: "a", Source: big, Weight: 1, Short: ShortEnd}, {Name: "b", Source: small, Weight: 1, Short: ShortEnd}},
		Options{Length: 100, Budget: 200_000}); err == nil {
		t.Error("all end and the budget is met")
	}
	// A source that ends is spread over the whole budget.
	m := mixture(t, []Part{{Name: "a", Source: big, Weight: 1}, {Name: "b", Source: small, Weight: 1, Short: ShortEnd}}, Options{Length: 100, Budget: 80_000})
	s := m.Stream()
	for quarter := range 4 {
		if err := s.Skip(m.Rows() / 4); err != nil {
			t.Fatal(err)
		}
		if got := s.Manifest().Sources[1].Tokens; got < 1250*(int64(quarter)+1)-100 || got > 1250*(int64(quarter)+1)+100 {
			t.Errorf("%d tokens after quarter %d: it is not spread", got, quarter+1)
		}
	}
}

// The order is one permutation of all units, not of those of a shard or a buffer: at any place units come from everywhere. It is
// the same on every machine, another for another seed or pass, and needs no list.
func TestOrderIsGlobal(t *testing.T) {
	const n = 100_000
	rank := func(seed uint64, pass int64) []float64 {
		m := mixture(t, []Part{{Name: "a", Source: numbered(n), Repeats: 2}}, Options{Seed: seed, Length: 8})
		out := make([]float64, n)
		seen := make([]bool, n)
		for i := range int64(n) {
			u := m.unitAt(0, pass*n+i)
			if seen[u] {
				t.Fatalf("seed %d: unit %d twice", seed, u)
			}
			seen[u], out[i] = true, float64(u)
		}
		return out
	}
	if first := rank(1, 0)[:6]; !slices.Equal(first, []float64{3380, 96156, 69283, 53185, 5542, 43338}) {
		t.Errorf("the order of seed 1 begins %v: runs would not go on with the same data", first)
	}
	place := make([]float64, n)
	for i := range place {
		place[i] = float64(i)
	}
	orders := map[string][]float64{"as stored": place, "seed 1": rank(1, 0), "seed 2": rank(2, 0), "seed 1<<63": rank(1<<63, 0), "pass 2": rank(1, 1)}
	for a, x := range orders {
		for b, y := range orders {
			if r := correlation(x, y); a < b && !(math.Abs(r) < 4.5/math.Sqrt(n)) {
				t.Errorf("rank correlation of %s and %s is %.4f", a, b, r)
			}
		}
	}
	// Ten shards of equal size: the first 10,000 units draw about 1,000 of each (standard deviation 28).
	var shards [10]int
	for _, u := range orders["seed 1"][:n/10] {
		shards[int(u)*10/n]++
	}
	for i, k := range shards {
		if k < 860 || k > 1140 {
			t.Errorf("the first tenth has %d units of shard %d, want about 1000", k, i)
		}
	}
}

// numbered is a source of n units of 4 tokens that holds nothing.
type numbered int64

func (n numbered) Len() int64                                         { return int64(n) }
func (n numbered) Tokens() int64                                      { return 4 * int64(n) }
func (n numbered) UnitLen(int64) (int, error)                         { return 4, nil }
func (n numbered) Read(_ int64, _ int, _ []int32, mask []uint8) error { return nil }

func correlation(x, y []float64) float64 {
	var sx, sy, sxx, syy, sxy float64
	for i := range x {
		sx, sy, sxx, syy, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], syy+y[i]*y[i], sxy+x[i]*y[i]
	}
	n := float64(len(x))
	return (sxy/n - sx*sy/n/n) / math.Sqrt((sxx/n-sx*sx/n/n)*(syy/n-sy*sy/n/n))
}

// A mixture of 10^9 units and a stream far into it take no memory that depends on their number.
func TestMemoryOfAHugeOrder(t *testing.T) {
	var s *Stream
	allocated := testing.AllocsPerRun(5, func() {
		m := mixture(t, []Part{{Name: "a", Source: numbered(1_000_000_000)}, {Name: "b", Source: numbered(3)}}, Options{Length: 1024})
		s = m.Stream()
		if err := s.Skip(1000); err != nil {
			t.Fatal(err)
		}
	})
	if allocated > 100 { // a list would be one, but of 8 GB
		t.Errorf("%v allocations", allocated)
	}
	if size := heap(); size > 64<<20 {
		t.Errorf("%d MiB on the heap", size>>20)
	}
	if s.m.Rows() < 3_900_000 {
		t.Errorf("%d rows", s.m.Rows())
	}
}
