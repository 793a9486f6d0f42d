package gpu

import (
	"reflect"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// notOps are the methods of kernels.Backend that no entry of the table measures.
var notOps = []string{"Name", "Alloc", "Free", "Map", "Usage", "Write", "Read", "Sync", "Close", "Variants", "Prepare", "Release",
	"OpenReadback", "Held"}

// Every op of the contract is measured, and nothing else.
func TestEveryOpIsInTheTable(t *testing.T) {
	known := map[string]bool{}
	for _, name := range notOps {
		known[name] = true
	}
	contract := reflect.TypeFor[kernels.Backend]()
	seen := map[string]bool{}
	for _, name := range opNames() {
		method, _, _ := strings.Cut(name, " ")
		known[method], known[method+"Plan"] = true, true
		if _, ok := contract.MethodByName(method); !ok || seen[name] {
			t.Errorf("%q is no op of the contract, or stands twice", name)
		}
		seen[name] = true
	}
	for i := range contract.NumMethod() {
		if name := contract.Method(i).Name; !known[name] {
			t.Errorf("the contract's %s is not measured", name)
		}
	}
}

// The names of shapes are used as they are defined.
func TestShapes(t *testing.T) {
	for _, name := range []string{"full", "small", "tiny"} {
		s, err := NamedShapes(name)
		if err != nil || s.Name != name {
			t.Fatalf("%s: %v", name, err)
		}
		for model, config := range s.Models {
			if err := config.Validate(); err != nil {
				t.Errorf("%s: %s: %v", name, model, err)
			}
		}
		for _, c := range append(append([]Case(nil), s.Training...), s.Generate...) {
			config, ok := s.Models[c.Model]
			if !ok || c.T+c.New > config.MaxPositions || c.Rounds < 1 {
				t.Errorf("%s: %s", name, c.what())
			}
		}
		for _, l := range s.Layers {
			if _, ok := s.Models[l.Model]; !ok {
				t.Errorf("%s: a layer of %q", name, l.Model)
			}
		}
	}
	if _, err := NamedShapes("huge"); err == nil {
		t.Error("shapes huge are taken")
	}
}
