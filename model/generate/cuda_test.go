//go:build cuda && emulator

package generate

import (
	"math"
	"reflect"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/cuda"
	"github.com/primer-lm/primer/model"
)

// openCUDA opens the GPU that the stand-in driver makes of the emulator.
func openCUDA(t *testing.T) kernels.Backend {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	return openDevice(t, "cuda:0")
}

// counted is a backend that counts what a step issues, its graphs, and how often it is written to and read from.
type counted struct {
	kernels.Backend
	kernels.Capturer
	ops, copies, writes, reads, fetches, captured, launched, closed int
}

func count(b kernels.Backend) *counted { return &counted{Backend: b, Capturer: b.(kernels.Capturer)} }

func (c *counted) Linear(a kernels.LinearArgs)          { c.ops++; c.Backend.Linear(a) }
func (c *counted) Copy(a kernels.CopyArgs)              { c.copies++; c.Backend.Copy(a) }
func (c *counted) Write(dst kernels.Tensor, src []byte) { c.writes++; c.Backend.Write(dst, src) }
func (c *counted) Read(dst []byte, src kernels.Tensor) error {
	c.reads++
	return c.Backend.Read(dst, src)
}

func (c *counted) Capture(issue func()) (kernels.Graph, error) {
	g, err := c.Capturer.Capture(issue)
	c.captured++
	return countedGraph{g, c}, err
}

func (c *counted) OpenReadback(bytes int64) (kernels.Readback, error) {
	r, err := c.Backend.OpenReadback(bytes)
	return countedReadback{r, c}, err
}

type countedReadback struct {
	kernels.Readback
	of *counted
}

func (r countedReadback) Fetch(src ...kernels.Tensor) { r.of.fetches++; r.Readback.Fetch(src...) }

type countedGraph struct {
	kernels.Graph
	of *counted
}

func (g countedGraph) Launch() { g.of.launched++; g.Graph.Launch() }
func (g countedGraph) Close()  { g.of.closed++; g.Graph.Close() }

// On the device a request gets the same tokens and log-probabilities, to the bit, alone or in a batch, by graphs, whose rows are
// filled up, or operation by operation; and those of the CPU within rounding.
func TestGraphsChangeNoBit(t *testing.T) {
	rs := requests(6, 1)
	for i := range rs {
		rs[i].MaxNewTokens = min(rs[i].MaxNewTokens, 12)
	}
	b := count(openCUDA(t))
	want := alone(t, engine(t, b, model.InferOptions{Tokens: 64, Docs: 1, PageSize: 16, NoGraphs: true}, Options{CacheTokens: 64}), rs)
	if b.captured+b.launched > 0 {
		t.Errorf("%d graphs captured and %d launched without being wanted", b.captured, b.launched)
	}
	for name, o := range map[string]model.InferOptions{
		"alone by graphs":       {Tokens: 64, Docs: 1, PageSize: 16},
		"together by graphs":    {Tokens: 20, Docs: 6, PageSize: 4},
		"together, no graphs":   {Tokens: 20, Docs: 6, PageSize: 4, NoGraphs: true},
		"five filled up to six": {Tokens: 40, Docs: 6, PageSize: 8},
	} {
		e := engine(t, b, o, Options{CacheTokens: 64 * o.Docs})
		got := alone(t, e, rs[:1])
		switch {
		case name == "five filled up to six":
			got = append(got, together(t, e, rs[1:])...)
		case o.Docs > 1:
			got = together(t, e, rs)
		default:
			got = alone(t, e, rs)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, operation by operation alone %v", name, got, want)
		}
	}
	cpu := alone(t, open(t, model.InferOptions{Tokens: 64, Docs: 1, PageSize: 16}, Options{CacheTokens: 64}), rs)
	for i := range cpu {
		if !reflect.DeepEqual(cpu[i].Tokens, want[i].Tokens) {
			t.Errorf("request %d: %v on the device, %v on the CPU", i, want[i].Tokens, cpu[i].Tokens)
			continue
		}
		for k, p := range cpu[i].LogProbs {
			if d := math.Abs(float64(p - want[i].LogProbs[k])); !(d < 1e-4) {
				t.Errorf("request %d, token %d: log-probability %v on the device, %v on the CPU", i, k, want[i].LogProbs[k], p)
			}
		}
	}
}

// Top tokens come from graphs of their own; what is given or drawn from edited logits goes operation by operation. Either way a request
// gets the same bits beside others, in chunks and preempted as it gets alone without graphs.
func TestTopsAndEditsOnTheDevice(t *testing.T) {
	rs := requests(6, 1)
	for i := range rs {
		rs[i].MaxNewTokens = min(rs[i].MaxNewTokens, 10)
	}
	rs[0].TopLogProbs, rs[1].TopLogProbs = 3, MaxTopLogProbs
	rs[2].RepetitionPenalty, rs[2].FrequencyPenalty, rs[2].LogitBias = 1.3, 0.3, map[int32]float32{4: 2, 9: float32(math.Inf(-1))}
	rs[3].PromptLogProbs, rs[3].TopLogProbs = true, 2
	rs[4].MinNewTokens, rs[4].StopIDs = min(3, rs[4].MaxNewTokens), []int32{3, 4, 5, 6, 7, 8}
	b := count(openCUDA(t))
	want := alone(t, engine(t, b, model.InferOptions{Tokens: 64, Docs: 1, PageSize: 16, NoGraphs: true}, Options{CacheTokens: 64}), rs)
	e := engine(t, b, model.InferOptions{Tokens: 20, Docs: 6, PageSize: 4}, Options{CacheTokens: 100})
	before := b.captured
	if got := alone(t, e, rs[:2]); !reflect.DeepEqual(got, want[:2]) || b.captured != before+1 {
		t.Errorf("tops by graphs: %v, operation by operation %v; %d graphs", got, want[:2], b.captured-before)
	}
	if got := alone(t, e, rs[2:3]); !reflect.DeepEqual(got, want[2:3]) || b.captured != before+1 {
		t.Errorf("edits: %v, %v; %d graphs", got, want[2:3], b.captured-before)
	}
	if got := together(t, e, rs); !reflect.DeepEqual(got, want) {
		t.Errorf("together %v, alone %v", got, want)
	}
	for i, r := range alone(t, open(t, model.InferOptions{Tokens: 64, Docs: 1, PageSize: 16}, Options{CacheTokens: 64}), rs) {
		if !reflect.DeepEqual(r.Tokens, want[i].Tokens) {
			t.Errorf("request %d: %v on the device, %v on the CPU", i, want[i].Tokens, r.Tokens)
		}
	}
	topLogProbs(t, e)
}

// A decode step is one copy to the device, one graph and one copy back. Graphs are few, and freed with the model.
func TestDecodeStepsAreOneLaunch(t *testing.T) {
	b := count(openCUDA(t))
	m := random(t, b, model.InferOptions{Tokens: 64, Docs: 6, PageSize: 8})
	e, err := New(m, Options{CacheTokens: 400})
	if err != nil {
		t.Fatal(err)
	}
	request := func(n int) []Request { return []Request{{Prompt: []int32{1, 2, 3}, MaxNewTokens: n}} }
	alone(t, e, request(3)) // the prompt, a step that is captured, one that is launched
	if b.captured != 1 || b.launched != 1 {
		t.Errorf("%d graphs captured, %d launched", b.captured, b.launched)
	}
	before := *b
	all, _ := cuda.StandInWaits()
	alone(t, e, request(22))
	const steps = 21 // the prompt gives the first token
	if b.captured != before.captured || b.launched != before.launched+steps || b.writes != before.writes+steps+1 ||
		b.fetches != before.fetches+steps+1 || b.reads != before.reads || b.copies != before.copies+1 {
		t.Errorf("%d steps and a prompt: before %+v, behind them %+v", steps, before, *b)
	}
	if perStep := 4*2 + 1; b.ops != before.ops+perStep { // those of the prompt
		t.Errorf("%d products were issued beside the graphs", b.ops-before.ops)
	}
	if now, _ := cuda.StandInWaits(); now != all {
		t.Errorf("the host waited %d times for all that was issued", now-all)
	}
	together(t, e, requests(30, 2))
	if b.captured > 5 { // of 1, 2, 3, 4 and 6 rows
		t.Errorf("%d graphs of at most 6 rows", b.captured)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	m.Close()
	if b.closed != b.captured {
		t.Errorf("%d of %d graphs were freed", b.closed, b.captured)
	}
}

// An engine that follows another on the same model has a cache of its own, and graphs that know it.
func TestGraphsFollowTheCache(t *testing.T) {
	m := random(t, openCUDA(t), model.InferOptions{Tokens: 64, Docs: 2, PageSize: 8})
	var want []Result
	for _, cache := range []int64{64, 400, 64} {
		e, err := New(m, Options{CacheTokens: cache})
		if err != nil {
			t.Fatal(err)
		}
		got := alone(t, e, []Request{{Prompt: []int32{1, 2, 3}, MaxNewTokens: 9}})
		if want == nil {
			want = got
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("with a cache of %d: %v, before %v", cache, got, want)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Scores, stops, refusals and errors are those of the CPU.
func TestEndingsOnTheDevice(t *testing.T) {
	b := openCUDA(t)
	scoreAgrees(t, engine(t, b, model.InferOptions{Tokens: 64, Docs: 8, PageSize: 8}, Options{}))
	stops(t, engine(t, b, model.InferOptions{Tokens: 64, Docs: 4, PageSize: 8}, Options{TokenBytes: letter}))
	badRequests(t, engine(t, b, model.InferOptions{Tokens: 16, Docs: 4, PageSize: 8}, Options{CacheTokens: 40}))
	failedStep(t, b)
	failedChunk(t, b)
}
