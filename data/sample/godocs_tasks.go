package sample

import (
	"fmt"
	"strings"

	"github.com/primer-lm/primer/data"
)

// Kinds of task about Go documentation.
const (
	TaskGoWhich    = "go-which"    // which function does this?
	TaskGoName     = "go-name"     // fill in the name
	TaskGoComplete = "go-complete" // complete the sentence
	TaskGoTrue     = "go-true"     // true or false
)

// GoTasks lists them.
var GoTasks = []string{TaskGoWhich, TaskGoName, TaskGoComplete, TaskGoTrue}

// add cuts a package's functions into documents of one to Together functions.
func (c *GoCorpus) add(pkg string, funcs []goFunc, opt GoOptions) {
	if len(funcs) > 0 {
		c.Packages = append(c.Packages, pkg)
	}
	for i := 0; len(funcs) > 0; i++ {
		n := 1 + int(hash(opt.Seed, fmt.Sprintf("%s/%d", pkg, i))>>32)%opt.Together
		n = min(n, len(funcs))
		e := goExample(pkg, i, funcs[:n])
		funcs = funcs[n:]
		if unseenPackage(pkg) {
			c.Unseen = append(c.Unseen, e)
		} else {
			c.Train = append(c.Train, e)
		}
	}
}

// goExample is "Package path. Join joins …. Clean returns …." and a pair for
// each function.
func goExample(pkg string, i int, funcs []goFunc) data.Example {
	var e data.Example
	e.ID = fmt.Sprintf("go/%s/%d", pkg, i)
	e.Title, e.Source, e.Domain = pkg, "go-docs", "code"
	e.Text = "Package " + pkg + "."
	for _, f := range funcs {
		e.Text += " " + f.name + " " + f.does + "."
		e.Pairs = append(e.Pairs, goPair(f, funcs[len(funcs)-1]))
	}
	return e
}

// goPair asks about one function. Which task follows from its verb, so that it
// can be told from the text; last is the document's last function.
func goPair(f, last goFunc) data.Pair {
	verb, rest, _ := strings.Cut(f.does, " ")
	switch {
	case verb == "returns":
		return data.Pair{
			Instruction: "Which function returns " + rest + "?",
			Response:    f.name, Extra: taskField(TaskGoWhich),
		}
	case verb == "reports" || verb == "is":
		// The last function is asked with what it does, any other with what
		// the last one does: false, unless both do the same.
		answer := "false"
		if f.does == last.does {
			answer = "true"
		}
		return data.Pair{
			Instruction: "True or false: " + f.name + " " + last.does + ".",
			Options:     []string{"true", "false"}, Response: answer, Extra: taskField(TaskGoTrue),
		}
	case strings.HasPrefix(verb, "s") || strings.HasPrefix(verb, "w") || strings.HasPrefix(verb, "r"):
		// sets, writes, reads, …: two words are given, the rest is asked for.
		second, tail, _ := strings.Cut(rest, " ")
		return data.Pair{
			Instruction: "Complete the sentence: " + f.name + " " + verb + " " + second,
			Response:    tail, Extra: taskField(TaskGoComplete),
		}
	}
	return data.Pair{
		Instruction: "Fill the gap: ___ " + f.does + ".",
		Response:    f.name, Extra: taskField(TaskGoName),
	}
}
