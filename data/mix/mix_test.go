package mix

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/primer-lm/primer/data"
)

// units makes n units of varied lengths; token values name source, unit and place.
func units(t testing.TB, source, n int) *Units {
	t.Helper()
	var tokens [][]int32
	for u := range n {
		unit := make([]int32, 3+(u*7+source)%11)
		for i := range unit {
			unit[i] = int32(source*1_000_000 + u*100 + i)
		}
		tokens = append(tokens, unit)
	}
	s, err := NewUnits(tokens, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mixture(t testing.TB, parts []Part, opt Options) *Mixture {
	t.Helper()
	m, err := New(parts, opt)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func drain(t testing.TB, s *Stream, rows int) (all []*data.Batch) {
	t.Helper()
	for {
		b, err := s.Next(rows)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
}

func TestPermuteIsABijection(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 5, 16, 17, 1000, 4097} {
		seen := make([]bool, n)
		fixed := int64(0)
		for i := range n {
			j := permute(42, n, i)
			if j < 0 || j >= n || seen[j] {
				t.Fatalf("n=%d: %d -> %d, out of range or twice", n, i, j)
			}
			seen[j] = true
			if i == j {
				fixed++
			}
		}
		if n >= 1000 && fixed > 10 {
			t.Errorf("n=%d: %d fixed points, a random order has about 1", n, fixed)
		}
	}
	if p := permute(1, math.MaxInt64, math.MaxInt64-1); p < 0 {
		t.Errorf("largest n: %d", p)
	}
}

// The order must look random: neighbours uncorrelated (|r| < 4/sqrt(n)).
func TestPermuteMixes(t *testing.T) {
	const n = 20000
	for key := range uint64(4) {
		var sum float64
		for i := range int64(n - 1) {
			a, b := float64(permute(key, n, i))/n-0.5, float64(permute(key, n, i+1))/n-0.5
			sum += a * b * 12
		}
		if r := sum / n; !(math.Abs(r) < 4/math.Sqrt(n)) {
			t.Errorf("key %d: correlation of neighbours %.4f", key, r)
		}
	}
}

func TestEveryUnitOncePerPass(t *testing.T) {
	a := units(t, 1, 57)
	m := mixture(t, []Part{{Name: "a", Source: a, Repeats: 3}}, Options{Seed: 5, Length: 8})
	cur := m.start()
	var passes [3][]int64
	for e := range passes {
		for range 57 {
			if ok, err := m.draw(&cur); !ok || err != nil {
				t.Fatal("ended early", err)
			}
			passes[e] = append(passes[e], cur.unit)
		}
	}
	if ok, _ := m.draw(&cur); ok {
		t.Error("went on after the last pass")
	}
	if slices.Equal(passes[0], passes[1]) {
		t.Error("two passes in one order")
	}
	for e := range passes {
		slices.Sort(passes[e])
		for i, u := range passes[e] {
			if u != int64(i) {
				t.Fatalf("pass %d: unit %d stands at %d", e, u, i)
			}
		}
	}
}

func TestPackedStreamIsTheUnitsEndToEnd(t *testing.T) {
	for _, separate := range []bool{false, true} {
		parts := []Part{{Name: "a", Source: units(t, 1, 40), Weight: 2}, {Name: "b", Source: units(t, 2, 90), Weight: 1}}
		m := mixture(t, parts, Options{Seed: 1, Length: 16, Budget: 30*16 + 5, Separate: separate})
		if m.Rows() != 30 || m.Tokens() != 480 {
			t.Fatalf("rows %d tokens %d", m.Rows(), m.Tokens())
		}
		var want []int32
		var first []bool
		for cur := m.start(); len(want) <= 480; {
			if ok, err := m.draw(&cur); !ok || err != nil {
				t.Fatal(ok, err)
			}
			ids, mask := make([]int32, cur.size), make([]uint8, cur.size)
			if err := parts[cur.lane].Source.Read(cur.unit, 0, ids, mask); err != nil {
				t.Fatal(err)
			}
			want = append(want, ids...)
			first = append(append(first, true), make([]bool, cur.size-1)...)
		}
		at, docs := 0, int64(0)
		for _, b := range drain(t, m.Stream(), 4) {
			if b.Sample != docs {
				t.Errorf("batch at %d: sample %d want %d", at, b.Sample, docs)
			}
			docs += int64(len(b.CuLens) - 1)
			checkBatch(t, b, want[at:], first[at:], 16, separate)
			at += len(b.Tokens)
		}
		if at != 480 {
			t.Errorf("%d tokens, want the budget cut to rows, 480", at)
		}
	}
}

func checkBatch(t *testing.T, b *data.Batch, want []int32, first []bool, length int, separate bool) {
	t.Helper()
	loss, starts, position := int64(0), []int32{}, int32(0)
	for i := range b.Tokens {
		if i%length == 0 || (separate && first[i]) {
			starts = append(starts, int32(i))
			position = 0
		}
		count := uint8(1)
		if separate && first[i+1] {
			count = 0
		}
		loss += int64(count)
		if b.Tokens[i] != want[i] || b.Targets[i] != want[i+1] || b.Mask[i] != count || b.Positions[i] != position {
			t.Fatalf("token %d: %d target %d mask %d position %d; want %d %d %d %d", i,
				b.Tokens[i], b.Targets[i], b.Mask[i], b.Positions[i], want[i], want[i+1], count, position)
		}
		position++
	}
	if starts = append(starts, int32(len(b.Tokens))); !slices.Equal(starts, b.CuLens) || loss != b.LossTokens {
		t.Fatalf("documents %v want %v; loss tokens %d want %d", b.CuLens, starts, b.LossTokens, loss)
	}
}

func TestProportionsHoldAtAnyMoment(t *testing.T) {
	parts := []Part{{Name: "a", Source: units(t, 1, 500), Weight: 0.5}, {Name: "b", Source: units(t, 2, 300), Weight: 0.3}, {Name: "c", Source: units(t, 3, 40), Weight: 0.2}}
	for _, by := range []Measure{ByTokens, ByTexts} {
		m := mixture(t, parts, Options{Seed: 3, Length: 32, Budget: 9600, Measure: by})
		cur, drawn := m.start(), 0.0
		for cur.lanes[0].units < 600 {
			if ok, err := m.draw(&cur); !ok || err != nil {
				t.Fatal(ok, err)
			}
			total := 0.0
			for _, l := range cur.lanes {
				total += amount(l, by)
			}
			for i, l := range cur.lanes {
				// Within one unit of each lane (13 tokens, or 1 text).
				if off := math.Abs(amount(l, by) - total*parts[i].Weight); off > 2*[]float64{13, 1}[by] {
					t.Fatalf("measure %d: lane %d holds %v of %v, off by %v", by, i, amount(l, by), total, off)
				}
			}
			drawn++
		}
		s := m.Stream()
		drain(t, s, 7)
		mf := s.Manifest()
		if mf.Tokens != 9600 || mf.Rows != 300 {
			t.Errorf("manifest %+v", mf)
		}
		if by == ByTokens && !(math.Abs(mf.Sources[1].Share-0.3) < 13.0/9600*2) {
			t.Errorf("share of b: %v", mf.Sources[1].Share)
		}
	}
}

func amount(l lane, by Measure) float64 {
	if by == ByTexts {
		return float64(l.units)
	}
	return float64(l.tokens)
}

func TestNaturalWeightsEndTogether(t *testing.T) {
	a, b := units(t, 1, 200), units(t, 2, 10)
	m := mixture(t, []Part{{Name: "raw", Source: a}, {Name: "tuning", Source: b, Repeats: 4}}, Options{Length: 4})
	s := m.Stream()
	got := drain(t, s, 10)
	held := a.Tokens() + 4*b.Tokens()
	mf := s.Manifest()
	if mf.Tokens != held/4*4 || mf.Sources[1].Units != 40 || mf.Sources[0].Units != 200 {
		t.Errorf("took %+v of %d", mf, held)
	}
	if last := got[len(got)-1]; held%4 == 0 && last.Mask[len(last.Mask)-1] != 0 {
		t.Error("a target after the end counts")
	}
}

func TestResumeFromEveryBatch(t *testing.T) {
	parts := []Part{{Name: "a", Source: units(t, 1, 30), Weight: 3}, {Name: "b", Source: units(t, 2, 11), Weight: 1}}
	for _, sep := range []bool{false, true} {
		m := mixture(t, parts, Options{Seed: 9, Length: 10, Budget: 600, Separate: sep})
		want := drain(t, m.Stream(), 2)
		s := m.Stream()
		for i := range want {
			raw, err := json.Marshal(s.State())
			if err != nil {
				t.Fatal(err)
			}
			var st State
			if err := json.Unmarshal(raw, &st); err != nil {
				t.Fatal(err)
			}
			again, err := m.Resume(st)
			if err != nil {
				t.Fatal(err)
			}
			if rest := drain(t, again, 2); !reflect.DeepEqual(rest, want[i:]) {
				t.Fatalf("resumed before batch %d: another stream", i)
			}
			if err := s.SeekRow(int64(2 * (i + 1))); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.SeekRow(4); err != nil {
			t.Fatal(err)
		}
		if b, _ := s.Next(2); !reflect.DeepEqual(b, want[2]) {
			t.Error("seek back gives another batch")
		}
	}
}

func TestResumeRefusesAnotherMixture(t *testing.T) {
	parts := []Part{{Name: "a", Source: units(t, 1, 30)}}
	st := mixture(t, parts, Options{Seed: 1, Length: 10}).Stream().State()
	other := mixture(t, parts, Options{Seed: 2, Length: 10})
	if _, err := other.Resume(st); !errors.Is(err, ErrState) {
		t.Errorf("another seed: %v", err)
	}
	m := mixture(t, parts, Options{Seed: 1, Length: 10})
	old := m.Stream().State() // as it was saved before units waited: the same but for the order's version
	h := hashName(fmt.Sprintf("%+v", m.opt))
	h = splitmix(h ^ hashName(fmt.Sprintf("a %d %d %v 0", m.parts[0].Source.Len(), m.parts[0].Source.Tokens(), m.weight[0])))
	old.Mixture = strconv.FormatUint(h, 16)
	if _, err := m.Resume(old); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "another order") {
		t.Errorf("an older order: %v", err)
	}
	for _, spoil := range []func(*State){
		func(s *State) { s.Lane = 1 }, func(s *State) { s.Lane = 0 }, func(s *State) { s.Offset = -1 },
		func(s *State) { s.Lanes = nil }, func(s *State) { s.Lanes[0].Units = 1 << 40 }, func(s *State) { s.Row = -1 },
		func(s *State) { s.Lane, s.Lanes[0].Units, s.Offset = 0, 1, 99 },
	} {
		bad := m.Stream().State()
		spoil(&bad)
		if _, err := m.Resume(bad); !errors.Is(err, ErrState) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestRaggedGivesWholeUnits(t *testing.T) {
	a := units(t, 1, 25)
	m := mixture(t, []Part{{Name: "a", Source: a, Repeats: 2}}, Options{Seed: 4, Length: 20})
	s, seen, count, docs := m.Stream(), map[int32]int{}, int64(0), int64(0)
	for {
		st := s.State()
		b, err := s.NextRagged(30)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := m.Resume(st)
		if err != nil {
			t.Fatal(err)
		}
		if b2, _ := again.NextRagged(30); !reflect.DeepEqual(b, b2) {
			t.Fatal("resumed ragged batch differs")
		}
		if len(b.Tokens) > 30 || b.Sample != docs {
			t.Fatalf("%d tokens, sample %d want %d", len(b.Tokens), b.Sample, docs)
		}
		docs += int64(len(b.CuLens) - 1)
		for d := range len(b.CuLens) - 1 {
			lo, hi := b.CuLens[d], b.CuLens[d+1]
			seen[b.Tokens[lo]/100]++
			for i := lo; i < hi; i++ {
				if b.Targets[i] != b.Tokens[lo]+i-lo+1 || b.Positions[i] != i-lo || b.Mask[i] != 1 {
					t.Fatalf("document %d of %v: token %d", d, b.CuLens, i)
				}
			}
			if n := len(a.tokens[b.Tokens[lo]/100%10000]); int(hi-lo) != n-1 {
				t.Fatalf("unit of %d tokens gave %d inputs", n, hi-lo)
			}
		}
		count++
		skipped := m.Stream()
		if err := skipped.SkipRagged(30, count); err != nil || !reflect.DeepEqual(skipped.State(), s.State()) {
			t.Fatalf("skipping %d batches stands elsewhere: %v", count, err)
		}
	}
	if n, err := m.CountRagged(30); n != count || err != nil {
		t.Errorf("CountRagged %d, %v; there were %d", n, err, count)
	}
	for u := range int32(25) {
		if seen[10000+u] != 2 {
			t.Errorf("unit %d came %d times", u, seen[10000+u])
		}
	}
}

func TestRaggedLongUnits(t *testing.T) {
	long, err := NewUnits([][]int32{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {11}}, [][]uint8{{0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0}, nil})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mixture(t, []Part{{Name: "a", Source: long}}, Options{Length: 4}).Stream().NextRagged(8); !errors.Is(err, ErrLong) {
		t.Errorf("long unit: %v", err)
	}
	s := mixture(t, []Part{{Name: "a", Source: long}}, Options{Length: 4, CutLong: true}).Stream()
	var targets, mask []int32
	for {
		b, err := s.NextRagged(8)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, b.Targets...)
		for _, m := range b.Mask {
			mask = append(mask, int32(m))
		}
	}
	if !slices.Equal(targets, []int32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) || !slices.Equal(mask, []int32{0, 1, 1, 1, 1, 1, 1, 1, 1, 0}) {
		t.Errorf("targets %v mask %v: every token but the first once", targets, mask)
	}
}

func TestRefusedMixtures(t *testing.T) {
	a, empty := units(t, 1, 10), &Units{}
	for name, c := range map[string]struct {
		parts []Part
		opt   Options
		want  error
	}{
		"none":      {nil, Options{Length: 4}, ErrSpec},
		"empty":     {[]Part{{Name: "a", Source: empty}}, Options{Length: 4}, ErrSpec},
		"twice":     {[]Part{{Name: "a", Source: a}, {Name: "a", Source: a}}, Options{Length: 4}, ErrSpec},
		"weight":    {[]Part{{Name: "a", Source: a, Weight: math.NaN()}}, Options{Length: 4}, ErrSpec},
		"some":      {[]Part{{Name: "a", Source: a, Weight: 1}, {Name: "b", Source: a}}, Options{Length: 4}, ErrSpec},
		"length":    {[]Part{{Name: "a", Source: a}}, Options{}, ErrSpec},
		"short":     {[]Part{{Name: "a", Source: a, Repeats: 1}}, Options{Length: 4, Budget: 1 << 40}, ErrShort},
		"short one": {[]Part{{Name: "a", Source: a, Weight: 1, Repeats: 2}, {Name: "b", Source: a, Weight: 1}}, Options{Length: 4, Budget: 4000}, ErrShort},
	} {
		if _, err := New(c.parts, c.opt); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// Ranks that skip each other's rows see together what one reader sees alone.
func TestRanksSplitTheRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, _ := NewUnits(rapid.SliceOfN(rapid.SliceOfN(rapid.Int32Range(0, 99), 1, 9), 5, 40).Draw(t, "units"), nil)
		m, err := New([]Part{{Name: "a", Source: a}}, Options{
			Seed: rapid.Uint64().Draw(t, "seed"), Length: rapid.IntRange(1, 7).Draw(t, "length"),
			Budget: 200, Separate: rapid.Bool().Draw(t, "separate")})
		if err != nil {
			t.Fatal(err)
		}
		world := rapid.IntRange(2, 4).Draw(t, "world")
		one, ranks := m.Stream(), make([]*Stream, world)
		for r := range ranks {
			ranks[r] = m.Stream()
		}
		for row := int64(0); row < m.Rows(); row++ {
			want, err := one.Next(1)
			if err != nil {
				t.Fatal(err)
			}
			for r, s := range ranks {
				if r != int(row)%world {
					if err := s.Skip(1); err != nil {
						t.Fatal(err)
					}
					continue
				}
				if got, _ := s.Next(1); !reflect.DeepEqual(got, want) {
					t.Fatalf("row %d on rank %d differs", row, r)
				}
			}
		}
	})
}

func heap() uint64 {
	runtime.GC()
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	return ms.HeapAlloc
}
