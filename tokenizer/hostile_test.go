package tokenizer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The library ends the process on a hostile tokenizer.json, so the hostile files are opened in a
// child process: this test binary again, told so by an environment variable. It writes one line
// before each file; a death names the file by the last line.
const childEnv = "PRIMER_TOKENIZER_HOSTILE_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "files":
		hostileChild()
		return
	case "death":
		_, err := openHandle([]byte(deadly), false)
		fmt.Println("survived:", err)
		return
	}
	os.Exit(m.Run())
}

// TestHostileFiles opens some thousand broken and malicious files. Each is refused with an error of
// ours, or loads and then encodes and decodes.
func TestHostileFiles(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=files", "RUST_BACKTRACE=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	refused, loaded, last := 0, 0, ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch verb, rest, _ := strings.Cut(lines.Text(), " "); verb {
		case "open":
			last = rest
		case "refused":
			refused++
		case "loaded":
			loaded++
		default:
			t.Errorf("%s: %s", last, lines.Text())
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the process died at %s: %v\n%.2000s", last, err, stderr.String())
	}
	t.Logf("%d files refused, %d loaded", refused, loaded)
	if refused < 500 || loaded < 50 {
		t.Errorf("%d files refused and %d loaded: not the mixture that tests anything", refused, loaded)
	}
}

// TestDeathIsSeen gives a deadly file to the library itself, past our checks: the process must die.
// If it does not any more, the test above proves nothing.
func TestDeathIsSeen(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=death")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "SIGABRT") {
		t.Errorf("the process ended with %v and said %.300q, not by SIGABRT", err, out)
	}
}

func hostileChild() {
	for _, h := range hostileFiles() {
		fmt.Printf("open %s\n", h.name)
		start := time.Now()
		tok, err := FromBytes(h.name, []byte(h.json))
		switch {
		case err != nil && !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrUnsupported):
			fmt.Printf("reached the library: %v\n", err)
		case err != nil && h.mustLoad:
			fmt.Printf("should load: %v\n", err)
		case err != nil:
			fmt.Printf("refused\n")
		case h.mustFail:
			fmt.Printf("should be refused: %.300s\n", h.json)
		default:
			exercise(tok)
		}
		if d := time.Since(start); d > 5*time.Second {
			fmt.Printf("took %v\n", d)
		}
	}
}

// exercise encodes and decodes texts that reach every part of a tokenizer.
func exercise(tok *Tokenizer) {
	texts := []string{"", "Hello, world! 123 it's", "a\x00b", "\xff\xfe é 你好 🙂 \n\n  x", strings.Repeat("ab 1'", 300), "<s> </s> [tool]"}
	for _, text := range texts {
		for _, plain := range []bool{false, true} {
			ids, offsets, err := tok.encode(text, plain, true)
			if err != nil {
				fmt.Printf("encode: %v\n", err)
				return
			}
			for i, o := range offsets {
				if ids[i] < 0 || int(ids[i]) >= tok.VocabSize() || o[0] < 0 || o[0] > o[1] || o[1] > len(text) {
					fmt.Printf("token %d of %q: id %d, offsets %v\n", i, text, ids[i], o)
					return
				}
				tok.TokenBytes(ids[i])
			}
			if cut, _, err := tok.encode(text, plain, false); err != nil || !equal(cut, ids) {
				fmt.Printf("%q by words: %v, %v, not %v\n", text, cut, err, ids)
				return
			}
			if _, err := tok.Decode(ids, true); err != nil {
				fmt.Printf("decode: %v\n", err)
				return
			}
		}
	}
	if err := tok.Close(); err != nil {
		fmt.Printf("close: %v\n", err)
		return
	}
	fmt.Println("loaded")
}

type hostileFile struct {
	name, json         string
	mustFail, mustLoad bool
}

func hostileFiles() []hostileFile {
	var files []hostileFile
	rng := rand.New(rand.NewPCG(1, 2))
	for _, style := range []string{"llama2", "mistral", "llama3", "gpt2"} {
		b, err := os.ReadFile("testdata/" + style + ".json")
		if err != nil {
			panic(err)
		}
		good := string(b)
		files = append(files, hostileFile{name: style, json: good, mustLoad: true})
		for i := range 60 { // cut anywhere
			n := rng.IntN(len(good))
			files = append(files, hostileFile{name: fmt.Sprintf("%s cut %d", style, i), json: good[:n], mustFail: true})
		}
		for i := range 150 { // one byte changed, one piece repeated or left out
			files = append(files, hostileFile{name: fmt.Sprintf("%s bytes %d", style, i), json: mutateBytes(good, rng)})
		}
		for i := range 300 { // one value replaced, one key renamed, left out or repeated
			files = append(files, hostileFile{name: fmt.Sprintf("%s value %d", style, i), json: mutateValue(b, rng)})
		}
		for i, edit := range hostileEdits {
			if bad := strings.Replace(good, edit[0], edit[1], 1); bad != good {
				files = append(files, hostileFile{name: fmt.Sprintf("%s edit %d", style, i), json: bad, mustFail: true})
			}
		}
	}
	for i, bad := range hostileWhole {
		files = append(files, hostileFile{name: fmt.Sprintf("whole %d", i), json: bad, mustFail: true})
	}
	return files
}

func mutateBytes(s string, rng *rand.Rand) string {
	i := rng.IntN(len(s))
	j := min(len(s), i+1+rng.IntN(40))
	switch rng.IntN(4) {
	case 0:
		return s[:i] + string([]byte{byte(rng.IntN(256))}) + s[i+1:]
	case 1:
		return s[:j] + s[i:]
	case 2:
		return s[:i] + s[j:]
	}
	const chars = `{}[]",:0-9eE.+\u "null true<>`
	return s[:i] + string(chars[rng.IntN(len(chars))]) + s[i:]
}

// values are what a field may hold that its reader did not expect.
var values = []string{
	"null", "true", "0", "-1", "1e400", "4294967295", "4294967296", "18446744073709551616", "1.5", "-0", "9007199254740993",
	`""`, `"a"`, `"\u0000"`, `"\ud800"`, `"▁"`, `"BPE"`, `"Sequence"`, `"ByteLevel"`, `" "`, `"<s>"`, "[]", "{}", `["a","b"]`, `[[]]`, `{"type":"BPE"}`,
	`{"type":"Split","pattern":{"Regex":"(a+)+$"},"behavior":"Isolated","invert":false}`, `{"Regex":"(a+)+$"}`, `{"String":""}`,
	`{"type":"Precompiled","precompiled_charsmap":"AAAA"}`, `{"type":"Strip","content":" ","start":99999999999,"stop":3}`,
	strings.Repeat("[", 5000) + strings.Repeat("]", 5000), `"` + strings.Repeat("x", 100000) + `"`,
}

// mutateValue changes one place of the JSON tree, chosen at random with small subtrees likelier in
// the parts other than the vocabulary.
func mutateValue(b []byte, rng *rand.Rand) string {
	var tree map[string]any
	if err := json.Unmarshal(b, &tree); err != nil {
		panic(err)
	}
	const mark = "@@MARK@@"
	value := values[rng.IntN(len(values))]
	var at any = tree
	for {
		switch v := at.(type) {
		case map[string]any:
			key := pick(v, rng)
			child := v[key]
			if !branch(child) || rng.IntN(4) == 0 {
				switch rng.IntN(6) {
				case 0:
					delete(v, key)
				case 1:
					v["extra"] = mark
				default:
					v[key] = mark
				}
				return render(tree, mark, value)
			}
			at = child
		case []any:
			i := rng.IntN(len(v))
			if !branch(v[i]) || rng.IntN(3) == 0 {
				v[i] = mark
				return render(tree, mark, value)
			}
			at = v[i]
		}
	}
}

// branch reports whether v has members to go down to.
func branch(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) > 0
	case []any:
		return len(v) > 0
	}
	return false
}

// pick chooses a key; maps have no order of their own, so they are sorted by their JSON.
func pick(m map[string]any, rng *rand.Rand) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sortStrings(keys)
	return keys[rng.IntN(len(keys))]
}

func render(tree any, mark, value string) string {
	b, err := json.Marshal(tree)
	if err != nil {
		panic(err)
	}
	return strings.Replace(string(b), `"`+mark+`"`, value, 1)
}
