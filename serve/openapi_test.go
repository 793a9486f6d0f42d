package serve

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

type schema struct {
	Properties       map[string]schema
	Minimum, Maximum *float64
}

// The description has every route and no other, every field of every request and no other, and the ranges that the server holds to.
func TestOpenAPIDescribesTheServer(t *testing.T) {
	p := parts(t, nil)
	s, err := New(p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	raw, err := files.ReadFile("web/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	described, served := map[string]bool{}, map[string]bool{}
	for path, methods := range doc.Paths {
		for m := range methods {
			described[strings.ToUpper(m)+" "+path] = true
		}
	}
	for _, r := range s.table {
		served[r.method+" "+r.path] = true
	}
	if a, b := sorted(described), sorted(served); !slices.Equal(a, b) {
		t.Errorf("described %q\nserved %q", a, b)
	}
	for name, f := range map[string]fields{"CompletionRequest": new(completionRequest).fields(s), "ChatRequest": new(chatRequest).fields(s),
		"SynthesisRequest": new(synthRequest).fields(s)} {
		props := doc.Components.Schemas[name].Properties
		if a, b := sorted(props), sorted(f); !slices.Equal(a, b) {
			t.Errorf("%s: described %q\nread %q", name, a, b)
		}
		for field, p := range props {
			if p.Minimum == nil {
				continue
			}
			if r, ok := bounds[field]; !ok || r[0] != *p.Minimum || r[1] != *p.Maximum {
				t.Errorf("%s.%s: described from %v to %v, read %v", name, field, *p.Minimum, *p.Maximum, r)
			}
		}
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
