package data

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestColumns(t *testing.T) {
	for _, c := range []struct{ columns, line, want string }{
		{"", `{"text":"t","content":"c"}`, `text "t" extra content="c"`},
		{"text=content", `{"content":"c","url":"u"}`, `text "c" extra url="u"`},
		{"text=content,id=doc_id,title=meta.title", `{"content":"c","doc_id":7,"meta":{"title":"T","x":1}}`, `text "c" id "7" title "T" extra meta={"title":"T","x":1}`},
		{"text=meta.text", `{"meta.text":"exact"}`, `text "exact"`},
		{"text=content,id=doc_id", `{"content":"c","doc_id":"d","id":"i"}`, `text "c" id "d" extra _id="i"`},
		{"title=id,text=title", `{"title":"the text","id":"the title"}`, `text "the text" title "the title"`},
		{"text=content", `{"content":"c","text":"t"}`, `beside "content"`},
		{"text=content", `{"content":"c","text":null}`, `text "c"`},
		{"text=body", `{"content":"c","url":"u"}`, `field "body" is missing or empty; there are content, url: `},
		{"text=a.b", `{"a":{"b":"deep"}}`, `text "deep" extra a={"b":"deep"}`},
		{"text=a.b", `{"a":"flat"}`, `field "a.b" is missing or empty; there are a: `},
		// RefinedWeb, RedPajama-V2, The Stack, PubMed.
		{"", `{"content":"c","url":"u","dump":"d"}`, `text "c" extra dump="d" url="u"`},
		{"", `{"raw_content":"r","doc_id":"d"}`, `text "r" id "d"`},
		{"", `{"content":"code","hexsha":"ab","lang":"Go"}`, `text "code" id "ab" extra lang="Go"`},
		{"", `{"pmid":12,"title":"T","abstract":"A"}`, `text "A" id "12" title "T"`},
		{"", `{"MedlineCitation":{"PMID":5,"Article":{"ArticleTitle":"T","Abstract":{"AbstractText":"A"}}}}`, `text "A" id "5" title "T" extra `},
		{"", `{"abstract":"A"}`, `there are abstract: name the one`},
		{"", `{"content":"c","raw_content":"r"}`, `there are content, raw_content: name the one`},
		{"id=doc", `{"content":"c","doc":"d"}`, `text "c" id "d"`},
	} {
		columns, err := ParseColumns(strings.FieldsFunc(c.columns, func(r rune) bool { return r == ',' }))
		if err != nil {
			t.Fatal(err)
		}
		for _, drop := range []bool{false, true} {
			columns.Drop = drop
			doc, err := decodeDocument([]byte(c.line), &columns)
			want := c.want
			if drop {
				want, _, _ = strings.Cut(want, " extra ")
			}
			got := show(&doc, err)
			if err == nil && got != want && !strings.HasPrefix(got, want+`{`) && !strings.HasSuffix(want, "extra ") || err != nil && !strings.Contains(got, want) {
				t.Errorf("%s of %s, drop %v: %s, want %s", c.columns, c.line, drop, got, want)
			}
		}
	}
	for _, bad := range []string{"text", "text=", "words=x", "text=a text=b"} {
		if _, err := ParseColumns(strings.Fields(bad)); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

func show(d *Document, err error) string {
	if err != nil {
		return err.Error()
	}
	s := fmt.Sprintf("text %q", d.Text)
	for _, f := range []struct{ name, value string }{{"id", d.ID}, {"title", d.Title}} {
		if f.value != "" {
			s += fmt.Sprintf(" %s %q", f.name, f.value)
		}
	}
	if len(d.Extra) > 0 {
		s += " extra"
		for _, name := range []string{"_id", "MedlineCitation", "a", "content", "dump", "lang", "meta", "url"} {
			if v, ok := d.Extra[name]; ok {
				s += fmt.Sprintf(" %s=%s", name, v)
			}
		}
	}
	return s
}

// A chain keeps its own names.
func TestColumnsOfExamples(t *testing.T) {
	opt := Columns{Text: "content"}
	ex, err := decodeExample([]byte(`{"content":"c","pairs":[{"instruction":"i","response":"r"}]}`), &opt)
	if err != nil || ex.Text != "c" || len(ex.Pairs) != 1 {
		t.Errorf("%+v, %v", ex, err)
	}
	if _, err := decodeExample([]byte(`{"pairs":[{"instruction":"i","response":"r"}],"content":"c"}`), &Columns{}); err != nil {
		t.Error(err)
	}
	p := write(t, t.TempDir(), "a.jsonl", `{"body":"x"}`+"\n")
	if _, err := texts(Documents([]string{p}, Options{})); !errors.Is(err, ErrEmpty) || !strings.Contains(err.Error(), "there are body") {
		t.Errorf("no text in any record: %v", err)
	}
}
