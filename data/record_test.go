package data

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRoundTripKeepsUnknownFields(t *testing.T) {
	in := `{"id":"c","examples":[{"id":"e","text":"a \"b\"\n\t\u0001 é","title":"t","source":"s","domain":"d",` +
		`"pairs":[{"instruction":"i","response":"r","options":["r","q"],"thought":"h","scores":{"a":0.5,"b":-1e-7},"x":[1,{"k":null}]}],` +
		`"meta":{"b":1,"a":2}}],"a0":1,"b0":2,"c0":3,"d0":4,"round":2}`
	c, err := DecodeChain([]byte(in), "")
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(in, `-1e-7`, `-1e-07`, 1)
	if string(out) != want {
		t.Errorf("round trip\n got %s\nwant %s", out, want)
	}
	if f := c.Examples[0].Pairs[0].Format(); f != MultipleChoiceThought {
		t.Errorf("format %v", f)
	}
}

func TestDecodeRules(t *testing.T) {
	for _, c := range []struct{ line, text, reason string }{
		{`{"text":"a","text":"b"}`, "", `key "text" stands twice`},
		{`{"text":"a","\u0074ext":"b"}`, "", `key "text" stands twice`},
		{`{"text":"x\ud800y"}`, "x\uFFFDy", ""},
		{`{"text":"\ud83d\ude00"}`, "😀", ""},
		{`{"id":12,"text":"a","title":null}`, "a", ""},
		{`{"text":12}`, "", `field "text": a string was expected, found a number`},
		{`{"text":"  "}`, "", `field "text" is missing or empty`},
		{`[1]`, "", "object was expected, found an array"},
		{`{"text":"a"} x`, "", "no valid JSON"},
		{`{"text":"a"`, "", "no valid JSON"},
		{`{}`, "", "missing"},
		{strings.Repeat("[", 100000), "", "no valid JSON"},
	} {
		d, err := DecodeDocument([]byte(c.line), "")
		if c.reason == "" {
			if err != nil || d.Text != c.text {
				t.Errorf("%.60s: got %q, %v", c.line, d.Text, err)
			}
			continue
		}
		if err == nil || !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%.60s: error %v, want %q", c.line, err, c.reason)
		}
	}
}

// A text that holds an object is what an export made of unknown fields and scores, unless its names clash with what is there.
func TestExtraAsText(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`{"id":"1","text":"a","title":null,"extra":"{\"url\":\"u\",\"n\":1}"}`, `{"id":"1","text":"a","n":1,"url":"u"}`},
		{`{"text":"a","extra":"{\"extra\":\"{\\\"n\\\":1}\"}"}`, `{"text":"a","n":1}`},
		{`{"text":"a","n":2,"extra":"{\"n\":1}"}`, `{"text":"a","extra":"{\"n\":1}","n":2}`},
		{`{"text":"a","extra":"{\"title\":1}"}`, `{"text":"a","extra":"{\"title\":1}"}`},
		{`{"text":"a","extra":"{n"}`, `{"text":"a","extra":"{n"}`},
		{`{"text":"a","extra":{"n":1}}`, `{"text":"a","extra":{"n":1}}`},
		{`{"text":"a","pairs":[{"instruction":"i","response":"r","options":[],"scores":"{\"s\":0.5}"}]}`,
			`{"text":"a","pairs":[{"instruction":"i","response":"r","scores":{"s":0.5}}]}`},
	} {
		ex, err := DecodeExample([]byte(c.line), "")
		got, err2 := ex.AppendJSON(nil)
		if err != nil || err2 != nil || string(got) != c.want {
			t.Errorf("%s\n got %s, %v %v\nwant %s", c.line, got, err, err2, c.want)
		}
	}
	if _, err := DecodeExample([]byte(`{"pairs":[{"instruction":"i","response":"r","scores":"{\"s\":\"x\"}"}]}`), ""); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
}

func TestManyKeysStayCheap(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"text":"a"`)
	for i := range 100000 {
		b.WriteString(`,"k` + string(rune('a'+i%26)) + strings.Repeat("x", i%7) + json.Number(itoa(i)).String() + `":1`)
	}
	b.WriteString(`,"text":"b"}`)
	if _, err := DecodeDocument([]byte(b.String()), ""); err == nil {
		t.Error("a repeated key among many was not seen")
	}
}

func itoa(i int) string { b, _ := json.Marshal(i); return string(b) }

func TestReleaseLine(t *testing.T) {
	in := `{"context":"Iron rusts.","QA_list":[` +
		`{"Q":"Does iron rust?\nOptions:\n- yes\n- no","A":"yes"},` +
		`{"Q":"Why?\nLet's think step by step.","A":"Water.\nTherefore, the answer is oxide"},` +
		`{"Q":"Which?\nOptions:\n- a\n- b\nLet's think step by step.","A":"b fits.\nTherefore, the answer is b"},` +
		`{"Q":"Plain?","A":"Yes."}],"QA_type":"mixed","rc_name":"x"}`
	ex, err := DecodeExample([]byte(in), "")
	if err != nil {
		t.Fatal(err)
	}
	want := []Pair{
		{Instruction: "Does iron rust?", Options: []string{"yes", "no"}, Response: "yes"},
		{Instruction: "Why?", Thought: "Water.", Response: "oxide"},
		{Instruction: "Which?", Options: []string{"a", "b"}, Thought: "b fits.", Response: "b"},
		{Instruction: "Plain?", Response: "Yes."},
	}
	if !reflect.DeepEqual(ex.Pairs, want) || ex.Source != "x" || ex.Text != "Iron rusts." || string(ex.Extra["QA_type"]) != `"mixed"` {
		t.Errorf("got %+v", ex)
	}
}

func genPair() *rapid.Generator[Pair] {
	return rapid.Custom(func(t *rapid.T) Pair {
		word := rapid.StringMatching(`[^\s].{0,12}`)
		p := Pair{Instruction: "i" + word.Draw(t, "i"), Response: "r" + word.Draw(t, "r")}
		if rapid.Bool().Draw(t, "options") {
			p.Options = rapid.SliceOfN(rapid.String(), 1, 4).Draw(t, "o")
		}
		if rapid.Bool().Draw(t, "thought") {
			p.Thought = rapid.String().Draw(t, "t")
		}
		if rapid.Bool().Draw(t, "scores") {
			p.Scores = rapid.MapOfN(rapid.String(), rapid.Float64Range(-1e300, 1e300), 1, 3).Draw(t, "s")
		}
		return p
	})
}

func TestRoundTripAnyChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Chain{ID: rapid.String().Draw(t, "id")}
		for range rapid.IntRange(1, 3).Draw(t, "n") {
			ex := Example{Document: Document{Text: "x" + rapid.String().Draw(t, "text"), Title: rapid.String().Draw(t, "title")}}
			ex.Pairs = rapid.SliceOfN(genPair(), 0, 3).Draw(t, "pairs")
			if len(ex.Pairs) == 0 {
				ex.Pairs = nil
			}
			c.Examples = append(c.Examples, ex)
		}
		b, err := c.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeChain(b, "")
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if !reflect.DeepEqual(back, c) {
			t.Fatalf("got %+v\nwant %+v", back, c)
		}
	})
}

func TestEncodeRefusesWhatJSONCannotHold(t *testing.T) {
	nan := 0.0
	nan /= nan
	if _, err := (Pair{Instruction: "i", Response: "r", Scores: map[string]float64{"a": nan}}).AppendJSON(nil); err == nil {
		t.Error("NaN score was written")
	}
	d := Document{Text: "a", Extra: map[string]json.RawMessage{"text": json.RawMessage(`"b"`)}}
	if _, err := d.AppendJSON(nil); err == nil {
		t.Error("field written twice")
	}
}

func FuzzDecodeChain(f *testing.F) {
	for _, s := range []string{`{"text":"a"}`, `{"id":1,"examples":[{"text":"a","pairs":[{"instruction":"i","response":"r"}]}]}`,
		`{"context":"c","QA_list":[{"Q":"q","A":"a"}]}`, `{"a":{"b":[1,"]}"]},"text":"\ud800"}`, `{"text":"a","text":""}`, `{`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		line, _ = repair(line)
		c, err := DecodeChain(line, "")
		if err != nil {
			return
		}
		b, err := c.AppendJSON(nil)
		if err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		again, err := DecodeChain(b, "")
		if err != nil {
			t.Fatalf("written but not read: %s: %v", b, err)
		}
		if b2, _ := again.AppendJSON(nil); string(b2) != string(b) {
			t.Fatalf("not stable:\n%s\n%s", b, b2)
		}
	})
}

// What is quoted has the shortest escapes, and U+FFFD for each byte that is no UTF-8; what lies between goes as it is.
func TestQuoting(t *testing.T) {
	for in, want := range map[string]string{
		"":                       `""`,
		"plain":                  `"plain"`,
		"\"a\\b\"":               `"\"a\\b\""`,
		"\n\r\t\x00\x1f\x7f":     `"\n\r\t\u0000\u001f\u007f"`,
		"é你🙂\u2028":              "\"é你🙂\u2028\"",
		"a\xffb\xc3\xe2\x82 end": "\"a\ufffdb\ufffd\ufffd\ufffd end\"",
		"real \ufffd":            "\"real \ufffd\"",
	} {
		if got := string(appendString(nil, in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
