package generate

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// spoiled is a source of random weights, in f32, in which one token's embedding is NaN.
type spoiled struct {
	tensors map[string]model.Stored
}

func (s spoiled) Stored(name string) (model.Stored, bool) {
	t, ok := s.tensors[name]
	return t, ok
}

func newSpoiled(c *model.Config, token int64) spoiled {
	rng, s := rand.New(rand.NewPCG(1, 2)), spoiled{map[string]model.Stored{}}
	for _, p := range c.Params() {
		for _, v := range p.Views {
			n := int64(1)
			for _, d := range v.Shape {
				n *= d
			}
			raw := make([]byte, 0, 4*n)
			for i := range n {
				x := float32(rng.NormFloat64() / 4)
				if p.Role == model.RoleEmbed && i/c.HiddenSize == token {
					x = float32(math.NaN())
				}
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
			}
			s.tensors[v.Name] = model.Stored{DType: kernels.F32, Shape: v.Shape, Bytes: raw}
		}
	}
	return s
}

// A step that fails on the device fails the requests that run in it, with the op's name, and nobody after it.
func TestFailedStep(t *testing.T) { failedStep(t, openCPU(t)) }

func failedStep(t *testing.T, b kernels.Backend) {
	const bad = 7
	c := testConfig()
	m, err := model.Open(b, c, newSpoiled(c, bad), model.InferOptions{Tokens: 16, Docs: 2, PageSize: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, ahead := range []bool{false, true} {
		e, err := New(m, Options{CacheTokens: 200})
		if err != nil {
			t.Fatal(err)
		}
		e.goesAhead = ahead
		good := []Request{{Prompt: []int32{1, 2, 3, 4, 5}, MaxNewTokens: 6, StopIDs: []int32{bad}}}
		want := alone(t, e, good)
		for _, prompt := range [][]int32{{bad}, {1, 2, 3, bad}, append(make([]int32, 40), bad)} {
			_, err := e.Generate(context.Background(), Request{Prompt: prompt, MaxNewTokens: 5})
			if !errors.Is(err, errDevice) || !errors.Is(err, kernels.ErrDevice) || !strings.Contains(err.Error(), "sample") {
				t.Errorf("ahead %v: a prompt with a NaN of %d tokens: %v", ahead, len(prompt), err)
			}
			if got := alone(t, e, good); !reflect.DeepEqual(got, want) {
				t.Errorf("ahead %v: after a failure: %v, before it %v", ahead, got, want)
			}
		}
		if free := e.pool.available(); free != len(e.pool.pages) {
			t.Errorf("%d of %d pages are free at the end", free, len(e.pool.pages))
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}
