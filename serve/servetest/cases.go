package servetest

import (
	"fmt"
	"strings"
)

// Case is a request that must be refused.
type Case struct {
	Name   string
	Method string // "": POST
	Path   string // "": /v1/completions
	Type   string // "": application/json; "-": none
	Body   string
	Header map[string]string
	Host   string // "": as it is
	Want   int
	Param  string // the field that the answer must name; "": not looked at
}

// Cases are all of them, for a server with a window of that many tokens, a body limit of that many bytes, and a model without
// further arms.
func Cases(window int, maxBody int64) []Case {
	cases := append(numbers(), types()...)
	cases = append(cases, syntax()...)
	cases = append(cases, limits(window, maxBody)...)
	cases = append(cases, headers()...)
	return append(cases, unsupported()...)
}

// numbers puts what is no number of the range into every number.
func numbers() (out []Case) {
	for _, field := range []string{"max_tokens", "n", "best_of", "logprobs", "temperature", "top_p", "min_p", "top_k", "seed", "presence_penalty",
		"frequency_penalty", "repetition_penalty"} {
		for _, v := range []string{"-99999999999999999999", "1e400", "-1e400", `"1"`, "[]", "{}", "true", "NaN", "1e999999999"} {
			if field == "top_k" && v == "-1" {
				continue
			}
			c := Case{Name: field + " is " + v, Body: fmt.Sprintf(`{"prompt":"a","%s":%s}`, field, v), Want: 400, Param: field}
			if v == "NaN" {
				c.Param = ""
			}
			out = append(out, c)
		}
	}
	for _, v := range []string{`{"0":1e400}`, `{"-1":1}`, `{"99999999":1}`, `{"a":1}`, `{"0":"1"}`, `[1]`, `{"0":101}`, `{"0":null,"0":1}`} {
		out = append(out, Case{Name: "logit_bias is " + v, Body: `{"prompt":"a","logit_bias":` + v + `}`, Want: 400})
	}
	return out
}

// types puts values of a wrong type where texts, lists and objects belong.
func types() (out []Case) {
	for _, v := range []string{`1`, `{}`, `true`, `[1,"a"]`, `["a",1]`, `[[1],"a"]`, `["a",["b"]]`, `[1,[1]]`, `[[["a"]]]`, `[1.5]`, `[-1]`, `[99999999]`, `[[1e99]]`,
		`[null]`, `[true]`, `[{}]`} {
		out = append(out, Case{Name: "prompt is " + v, Body: `{"prompt":` + v + `}`, Want: 400})
	}
	for _, v := range []string{`1`, `{}`, `[1]`, `[""]`, `""`, `[null]`, `["a",["b"]]`, `[` + strings.Repeat(`"a",`, 16) + `"a"]`, `"` + strings.Repeat("a", 2000) + `"`} {
		out = append(out, Case{Name: "stop is " + short(v), Body: `{"prompt":"a","stop":` + v + `}`, Want: 400})
	}
	for _, field := range []string{"model", "stream", "echo", "stream_options"} {
		out = append(out, Case{Name: field + " is a list", Body: `{"prompt":"a","` + field + `":[1]}`, Want: 400, Param: field})
	}
	for _, v := range []string{`[]`, `"a"`, `[1]`, `[{}]`, `[{"role":"tool","content":"a"}]`, `[{"role":1,"content":"a"}]`, `[{"role":"user","content":1}]`,
		`[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://localhost/"}}]}]`, `[{"role":"user","content":"a","name":"b"}]`,
		`[{"role":"user","content":[1]}]`, `[{"role":"user","content":"a","content":"b"}]`, `null`} {
		out = append(out, Case{Name: "messages is " + v, Path: "/v1/chat/completions", Body: `{"messages":` + v + `}`, Want: 400})
	}
	for _, v := range []string{`{"text":1}`, `{"text":""}`, `{"text":" "}`, `{"documents":1}`, `{"documents":[1]}`, `{"documents":[{"text":1}]}`, `{"documents":[{"file":"/etc/passwd"}]}`,
		`{"text":"a","rounds":0}`, `{"text":"a","max_new_tokens":0}`, `{"text":"a","model_path":"/etc"}`, `{}`} {
		out = append(out, Case{Name: "synthesize " + v, Path: "/v1/synthesize", Body: v, Want: 400})
	}
	for _, v := range []string{`{"tokens":"a"}`, `{"tokens":[-1]}`, `{"tokens":[99999999]}`, `{"tokens":[1.5]}`, `{"tokens":[[1]]}`, `{}`} {
		out = append(out, Case{Name: "detokenize " + v, Path: "/detokenize", Body: v, Want: 400})
	}
	for _, v := range []string{`{"prompt":1}`, `{"prompt":["a"]}`, `{}`, `{"prompt":"a","add_special_tokens":1}`} {
		out = append(out, Case{Name: "tokenize " + v, Path: "/tokenize", Body: v, Want: 400})
	}
	return out
}

// syntax is what is no JSON, or more of it than anybody needs.
func syntax() (out []Case) {
	for name, body := range map[string]string{
		"nothing": "", "blanks": " \n ", "cut": `{"prompt":"a"`, "cut string": `{"prompt":"a`, "cut escape": `{"prompt":"a\`, "cut number": `{"n":-`, "twice": `{"prompt":"a"}{}`,
		"text": "hello", "list": "[]", "null": "null", "comma": `{"prompt":"a",}`, "two commas": `{"prompt":"a",,"n":1}`, "no colon": `{"prompt" "a"}`, "no quotes": `{prompt:"a"}`,
		"single quotes": `{'prompt':'a'}`, "comment": `{"prompt":"a"/**/}`, "leading zero": `{"prompt":"a","n":01}`, "plus": `{"prompt":"a","n":+1}`, "dot": `{"prompt":"a","top_p":.5}`,
		"raw control": "{\"prompt\":\"a\nb\"}", "bad escape": `{"prompt":"\x41"}`, "bad hex": `{"prompt":"\u12g4"}`, "invalid UTF-8": "{\"prompt\":\"\xff\xfe\"}", "NUL byte": "{\"prompt\":\x00}",
		"cut UTF-8": "{\"prompt\":\"\xe4\xb8\"}", "BOM": "\xef\xbb\xbf{\"prompt\":\"a\"}", "key twice": `{"prompt":"a","n":1,"n":2}`, "key twice, escaped": `{"prompt":"a","\u006e":1,"n":2}`,
		"deep lists": `{"user":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "very deep": `{"user":` + strings.Repeat("[", 100_000),
		"deep objects": `{"user":` + strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40) + `}`, "many fields": `{"metadata":{` + manyFields(65) + `}}`,
		"form": "prompt=a&n=1", "XML": "<prompt>a</prompt>",
	} {
		out = append(out, Case{Name: "body: " + name, Body: body, Want: 400})
	}
	return out
}

func manyFields(n int) string {
	var fields []string
	for i := range n {
		fields = append(fields, fmt.Sprintf(`"f%d":1`, i))
	}
	return strings.Join(fields, ",")
}

// limits asks for too much.
func limits(window int, maxBody int64) []Case {
	ids := func(n int) string { return "[" + strings.Repeat("5,", n-1) + "5]" }
	return []Case{
		{Name: "body too large", Body: `{"prompt":"` + strings.Repeat("a", int(maxBody)) + `"}`, Want: 413},
		{Name: "numbers to the limit", Body: `{"user":[` + strings.Repeat("1,", int(maxBody)/2-20) + `1]}`, Want: 400},
		{Name: "strings to the limit", Body: `{"stop":[` + strings.Repeat(`"a",`, int(maxBody)/4-20) + `"a"]}`, Want: 400},
		{Name: "ids to the limit", Body: `{"prompt":` + ids(int(maxBody)/2-20) + `}`, Want: 400},
		{Name: "prompts to the limit", Body: `{"prompt":[` + strings.Repeat(`[],`, int(maxBody)/3-20) + `[]]}`, Want: 400},
		{Name: "prompt longer than the window", Body: `{"max_tokens":1,"prompt":` + ids(window) + `}`, Want: 400, Param: "prompt"},
		{Name: "prompt and tokens", Body: fmt.Sprintf(`{"max_tokens":%d,"prompt":"a b c"}`, window), Want: 400, Param: "prompt"},
		{Name: "echo of too long a prompt", Body: `{"max_tokens":0,"echo":true,"prompt":` + ids(window+2) + `}`, Want: 400, Param: "prompt"},
		{Name: "text longer than the window", Body: `{"prompt":"` + strings.Repeat("a b ", window*8) + `"}`, Want: 400, Param: "prompt"},
		{Name: "text much longer", Body: `{"prompt":"` + strings.Repeat("a", int(maxBody)-100) + `"}`, Want: 400, Param: "prompt"},
		{Name: "chat longer than the window", Path: "/v1/chat/completions", Body: `{"messages":[{"role":"user","content":"` + strings.Repeat("a b ", window*8) + `"}]}`, Want: 400},
		{Name: "chat and tokens", Path: "/v1/chat/completions", Body: fmt.Sprintf(`{"max_tokens":%d,"messages":[{"role":"user","content":"a"}]}`, window), Want: 400},
		{Name: "65 prompts", Body: `{"prompt":[` + strings.Repeat(`"a",`, 64) + `"a"]}`, Want: 400, Param: "prompt[64]"},
		{Name: "prompts times n", Body: `{"n":128,"prompt":["a","b"]}`, Want: 400, Param: "n"},
		{Name: "n too large", Body: `{"n":129,"prompt":"a"}`, Want: 400, Param: "n"},
		{Name: "nothing to write", Body: `{"max_tokens":0,"prompt":"a"}`, Want: 400, Param: "max_tokens"},
		{Name: "257 messages", Path: "/v1/chat/completions", Body: `{"messages":[` + strings.Repeat(`{"role":"user","content":"a"},`, 256) + `{"role":"user","content":"a"}]}`, Want: 400},
		{Name: "65 documents", Path: "/v1/synthesize", Body: `{"documents":[` + strings.Repeat(`{"text":"a"},`, 64) + `{"text":"a"}]}`, Want: 400},
		{Name: "synthesis without room", Path: "/v1/synthesize", Body: fmt.Sprintf(`{"text":"a","max_new_tokens":%d}`, window), Want: 400, Param: "max_new_tokens"},
		{Name: "long model name", Body: `{"prompt":"a","model":"` + strings.Repeat("a", 300) + `"}`, Want: 400, Param: "model"},
	}
}

// headers is what is wrong around the body.
func headers() []Case {
	good := `{"prompt":"a","max_tokens":1}`
	return []Case{
		{Name: "no content type", Type: "-", Body: good, Want: 415},
		{Name: "text/plain", Type: "text/plain", Body: good, Want: 415},
		{Name: "a form", Type: "application/x-www-form-urlencoded", Body: good, Want: 415},
		{Name: "multipart", Type: "multipart/form-data; boundary=x", Body: good, Want: 415},
		{Name: "foreign host", Host: "evil.example", Body: good, Want: 403},
		{Name: "foreign host with a port", Host: "evil.example:80", Body: good, Want: 403},
		{Name: "foreign origin", Header: map[string]string{"Origin": "http://evil.example"}, Body: good, Want: 403},
		{Name: "null origin", Header: map[string]string{"Origin": "null"}, Body: good, Want: 403},
		{Name: "nowhere", Path: "/v1/nothing", Body: good, Want: 404},
		{Name: "engines", Path: "/v1/engines/x/completions", Body: good, Want: 404},
		{Name: "traversal", Method: "GET", Path: "/web/../../etc/passwd", Want: 404},
		{Name: "escaped traversal", Method: "GET", Path: "/web/%2e%2e/%2e%2e/etc/passwd", Want: 404},
		{Name: "source", Method: "GET", Path: "/web/", Want: 404},
		{Name: "debug", Method: "GET", Path: "/debug/pprof/", Want: 404},
		{Name: "GET", Method: "GET", Want: 405},
		{Name: "PUT", Method: "PUT", Body: good, Want: 405},
		{Name: "DELETE a model", Method: "DELETE", Path: "/v1/models/x", Want: 405},
		{Name: "POST to health", Path: "/healthz", Body: good, Want: 405},
		{Name: "OPTIONS", Method: "OPTIONS", Want: 405},
		{Name: "another model's card", Method: "GET", Path: "/v1/models/..%2f..%2fetc", Want: 404},
	}
}

// unsupported asks for what the server does not do: the answer names it.
func unsupported() (out []Case) {
	for field, v := range map[string]string{"suffix": `"b"`, "best_of": "2", "grammar": `"root ::= x"`, "guided_regex": `"(a+)+$"`, "model_path": `"/etc/passwd"`,
		"lora": `"http://localhost/"`, "temprature": "0", "n_predict": "4", "ignore_eos": "true"} {
		out = append(out, Case{Name: "field " + field, Body: `{"prompt":"a","` + field + `":` + v + `}`, Want: 400, Param: field})
	}
	for field, v := range map[string]string{"tools": `[{"type":"function","function":{"name":"f"}}]`, "tool_choice": `"required"`, "response_format": `{"type":"json_object"}`,
		"functions": `[{"name":"f"}]`, "reasoning_effort": `"high"`, "audio": `{"voice":"a"}`, "chat_template": `"{{ 1 }}"`, "top_logprobs": "1"} {
		out = append(out, Case{Name: "chat field " + field, Path: "/v1/chat/completions", Body: `{"messages":[{"role":"user","content":"a"}],"` + field + `":` + v + `}`, Want: 400, Param: field})
	}
	return out
}

func short(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
