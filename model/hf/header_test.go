package hf

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nlpodyssey/safetensors"
)

// file builds a safetensors file of a header and data bytes.
func file(header string, data int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	out = append(out, header...)
	return append(out, make([]byte, data)...)
}

func tensor(name, dtype, shape string, begin, end int) string {
	return fmt.Sprintf(`%q:{"dtype":%q,"shape":[%s],"data_offsets":[%d,%d]}`, name, dtype, shape, begin, end)
}

// malformed are files that must be refused, each with what its error must say.
func malformed() map[string]struct {
	file []byte
	says string
} {
	type bad = struct {
		file []byte
		says string
	}
	one := tensor("a", "F32", "2", 0, 8)
	length := func(n uint64) []byte { return append(binary.LittleEndian.AppendUint64(nil, n), "{}"...) }
	return map[string]bad{
		"empty":                   {nil, "fewer than the 8"},
		"seven bytes":             {make([]byte, 7), "fewer than the 8"},
		"header of 100 GB":        {length(100 << 30), "at most 100000000"},
		"header length wraps":     {length(1<<64 - 1), "at most 100000000"},
		"header longer than file": {length(3), "truncated?"},
		"header of no bytes":      {file("", 0), "claims 0 bytes"},
		"header of one byte":      {file("{", 0), "claims 1 bytes"},
		"leading blank":           {file(" {}", 0), "begin with '{'"},
		"not JSON":                {file("{]", 0), "expected a string"},
		"an array":                {file("[]", 0), "begin with '{'"},
		"no end":                  {file("{"+one, 8), `expected '}'`},
		"text after the object":   {file("{"+one+"}x", 8), "text after"},
		"newline after it":        {file("{"+one+"}\n", 8), "text after"},
		"two objects":             {file("{"+one+"}{}", 8), "text after"},
		"trailing comma":          {file("{"+one+",}", 8), "expected a string"},
		"bad UTF-8 in a name":     {file(`{"`+"\xff"+`":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8), "UTF-8"},
		"control character":       {file("{\"a\x01\":{}}", 0), "control character"},
		"broken escape":           {file(`{"\q":{}}`, 0), "broken string"},
		"string without end":      {file(`{"abc`, 0), "without an end"},
		"same name twice":         {file("{"+one+","+tensor("a", "F32", "2", 8, 16)+"}", 16), `"a" stands twice`},
		"same name by escape":     {file("{"+one+`,"\u0061":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}`, 16), `"a" stands twice`},
		"same field twice":        {file(`{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8), `"dtype" stands twice`},
		"unknown field":           {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}`, 8), `unknown field "x"`},
		"missing dtype":           {file(`{"a":{"shape":[2],"data_offsets":[0,8]}}`, 8), "needs dtype"},
		"missing shape":           {file(`{"a":{"dtype":"F32","data_offsets":[0,8]}}`, 8), "needs dtype"},
		"missing offsets":         {file(`{"a":{"dtype":"F32","shape":[2]}}`, 8), "needs dtype"},
		"unknown dtype":           {file("{"+tensor("a", "F31", "2", 0, 8)+"}", 8), `unknown dtype "F31"`},
		"dtype is a number":       {file(`{"a":{"dtype":4,"shape":[2],"data_offsets":[0,8]}}`, 8), "expected a string"},
		"one offset":              {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8]}}`, 8), "has 1 numbers"},
		"three offsets":           {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}`, 8), "more than 2"},
		"negative offset":         {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8), "whole number"},
		"fraction":                {file(`{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`, 8), `expected ']'`},
		"exponent":                {file(`{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}`, 8), `expected ']'`},
		"leading zero":            {file(`{"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}`, 8), "leading zero"},
		"number beyond 2^63":      {file(`{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}`, 8), "2^63"},
		"rank of nine":            {file("{"+tensor("a", "F32", "1,1,1,1,1,1,1,1,2", 0, 8)+"}", 8), "more than 8"},
		"shape product wraps":     {file("{"+tensor("a", "F32", "4294967296,4294967296", 0, 0)+"}", 0), "overflows"},
		"overflow beside a zero":  {file("{"+tensor("a", "F32", "0,4294967296,4294967296", 0, 0)+"}", 0), "overflows"},
		"shape larger than range": {file("{"+tensor("a", "F32", "3", 0, 8)+"}", 8), "takes 12 bytes"},
		"shape smaller":           {file("{"+tensor("a", "F32", "1", 0, 8)+"}", 8), "takes 4 bytes"},
		"end before begin":        {file("{"+tensor("a", "F32", "2", 8, 0)+"}", 8), "leave the data section"},
		"beyond the file":         {file("{"+one+"}", 4), "leave the data section"},
		"overlap":                 {file("{"+one+","+tensor("b", "F32", "2", 4, 12)+"}", 12), "overlap"},
		"same range twice":        {file("{"+one+","+tensor("b", "F32", "2", 0, 8)+"}", 8), "overlap"},
		"hole at the start":       {file("{"+tensor("a", "F32", "2", 4, 12)+"}", 12), "hole"},
		"hole between":            {file("{"+one+","+tensor("b", "F32", "2", 12, 20)+"}", 20), "hole"},
		"bytes left over":         {file("{"+one+"}", 9), "left over"},
		"metadata not strings":    {file(`{"__metadata__":{"a":1}}`, 0), "expected a string"},
		"metadata twice":          {file(`{"__metadata__":{},"__metadata__":{}}`, 0), "stands twice"},
		"metadata key twice":      {file(`{"__metadata__":{"a":"","a":""}}`, 0), `"a" stands twice`},
		"deep nesting":            {file(`{"a":`+strings.Repeat("[", 100000)+"}", 0), "expected '{'"},
	}
}

func TestMalformedHeadersAreRefused(t *testing.T) {
	cases := malformed()
	if len(cases) < 40 {
		t.Fatalf("%d cases, at least 40 are promised", len(cases))
	}
	for name, c := range cases {
		entries, _, err := ParseHeader(c.file, int64(len(c.file)))
		if !errors.Is(err, ErrHeader) || !strings.Contains(fmt.Sprint(err), c.says) || entries != nil {
			t.Errorf("%s: %v, expected an error that says %q", name, err, c.says)
		}
	}
}

func TestGoodHeadersAreRead(t *testing.T) {
	head := `{"__metadata__":{"format":"pt"},` + tensor("b", "BF16", "3,1", 8, 14) + " ,\n\t" + tensor("a", "F32", "2", 0, 8) +
		"," + tensor("none", "F32", "0,5", 14, 14) + "," + tensor("one", "U8", "", 14, 15) + `,"\u00e9":{"data_offsets":[15,15],"shape":[0],"dtype":"F16"}}   `
	b := file(head, 15)
	got, start, err := ParseHeader(b, int64(len(b)))
	if err != nil || start != int64(8+len(head)) || len(got) != 5 {
		t.Fatalf("%d tensors from %d, %v", len(got), start, err)
	}
	if got[0].Name != "a" || got[1].Name != "b" || got[1].Begin != 8 || got[1].Shape[0] != 3 || got[4].Name != "é" {
		t.Errorf("read %+v", got)
	}
	if _, _, err := ParseHeader(file("{}", 0), 10); err != nil {
		t.Errorf("a file without tensors: %v", err)
	}
}

// A header of a million tensors must be refused at once, without memory of its size: in less time than a JSON parser takes to
// look it over once (a ratio, so that a busy or instrumented machine does not matter), and before any entry is made.
func TestAMillionTensorsAreRefusedQuickly(t *testing.T) {
	head := "{" + strings.Repeat(tensor("a", "F32", "0", 0, 0)+",", 999_999) + tensor("a", "F32", "0", 0, 0) + "}"
	b := file(head, 0)
	if _, _, err := ParseHeader(b, int64(len(b))); !errors.Is(err, ErrHeader) || !strings.Contains(err.Error(), "more than 200000 tensors") {
		t.Errorf("%d bytes of header: %v", len(b), err)
	}
	if n := testing.AllocsPerRun(1, func() { _, _, _ = ParseHeader(b, int64(len(b))) }); n > 20 {
		t.Errorf("%v allocations to refuse it", n)
	}
	ours, parser := time.Hour, time.Hour
	for range 3 {
		start := time.Now()
		_, _, _ = ParseHeader(b, int64(len(b)))
		ours = min(ours, time.Since(start))
		start = time.Now()
		json.Valid([]byte(head))
		parser = min(parser, time.Since(start))
	}
	if ours > parser {
		t.Errorf("refused after %v, a JSON parser takes %v", ours, parser)
	}
	t.Logf("refused after %v, a JSON parser takes %v", ours, parser)
}

// Whatever the bytes: no panic, and nothing accepted that an independent reader of the format refuses or reads otherwise.
func FuzzHeader(f *testing.F) {
	for _, c := range malformed() {
		if len(c.file) < 1<<12 {
			f.Add(c.file)
		}
	}
	f.Add(file("{"+tensor("a", "F32", "2", 0, 8)+","+tensor("b", "BF16", "1,2", 8, 12)+"}", 12))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, start, err := ParseHeader(b, int64(len(b)))
		if err != nil {
			return
		}
		for _, e := range entries {
			if strings.HasPrefix(e.DType, "F8") || e.DType == "C64" {
				return // newer than the other reader
			}
		}
		other, err := safetensors.Deserialize(b)
		if err != nil {
			t.Fatalf("accepted what another reader refuses: %v", err)
		}
		if other.Len() != len(entries) {
			t.Fatalf("%d tensors, another reader finds %d", len(entries), other.Len())
		}
		for _, e := range entries {
			view, ok := other.Tensor(e.Name)
			if !ok || string(view.Data()) != string(b[start+e.Begin:start+e.End]) {
				t.Fatalf("%q is read otherwise by another reader", e.Name)
			}
		}
	})
}
