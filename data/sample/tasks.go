package sample

import (
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/primer-lm/primer/data"
)

// Kinds of task. The answer of those marked * is no copied span of the text.
const (
	TaskAttribute   = "attribute"    // the value of a fact
	TaskReverse     = "reverse"      // whose value it is
	TaskCloze       = "cloze"        // fill the gap
	TaskChoice      = "choice"       // the value, among options
	TaskList        = "list"         // all items of a list
	TaskCount       = "count"        // * how many items a list has
	TaskOddOneOut   = "odd-one-out"  // * the option that the list does not have
	TaskMoreOf      = "more-of"      // which of two numbers is larger, options, with thought
	TaskOlder       = "older"        // who of two is older, with thought
	TaskDifference  = "difference"   // * of two numbers, with thought
	TaskYesNo       = "yes-no"       // * comparison of two numbers
	TaskTrueFalse   = "true-false"   // * the same as a statement, options
	TaskCommonSense = "common-sense" // * what a trade works with
	TaskTwoHop      = "two-hop"      // a fact about a fact's value, with thought
	TaskClassify    = "classify"     // * what kind of entity it is, options
)

// Tasks lists the kinds of task.
var Tasks = []string{
	TaskAttribute, TaskReverse, TaskCloze, TaskChoice, TaskList, TaskCount, TaskOddOneOut, TaskMoreOf,
	TaskOlder, TaskDifference, TaskYesNo, TaskTrueFalse, TaskCommonSense, TaskTwoHop, TaskClassify,
}

// Derived tells whether a task's answer is no copied span of the text.
func Derived(task string) bool {
	switch task {
	case TaskCount, TaskOddOneOut, TaskDifference, TaskYesNo, TaskTrueFalse, TaskCommonSense, TaskClassify:
		return true
	}
	return false
}

// classifyQuestion is asked where a text opens with an intro sentence.
const classifyQuestion = "What kind of thing is {E}?"

// pair asks for a fact. No option is a name that the text does not hold: such
// names cannot be foreseen, and their noise drowns what there is to learn.
func (s *factSpec) pair(f *Fact, q question, r *rand.Rand) data.Pair {
	p := data.Pair{Instruction: f.fill(q.text), Extra: taskField(q.task)}
	switch q.task {
	case TaskAttribute, TaskCloze:
		p.Response = f.Value
	case TaskReverse:
		p.Response = f.Entity
	case TaskChoice:
		p.Response = f.Value
		p.Options = s.choices(f.Value, r)
	case TaskList:
		p.Response = listed(f.List)
	case TaskCount:
		p.Response = strconv.Itoa(len(f.List))
	case TaskOddOneOut:
		p.Response = outsider(s.words, f.List, r)
		p.Options = shuffled(r, append(slices.Clone(f.List[:2]), p.Response))
	case TaskCommonSense:
		p.Response = tradeOf[f.Value]
	case TaskTwoHop:
		p.Thought = f.fill("The maker of {E} is {V}, and {V} lives in {W}.")
		p.Response = f.Second
	case TaskClassify:
		p.Response = classOf[f.Kind]
		p.Options = shuffled(r, slices.Clone(classes))
	default:
		s.numberPair(&p, f, q.task)
	}
	return p
}

// numberPair answers the tasks that compare two numbers.
func (s *factSpec) numberPair(p *data.Pair, f *Fact, task string) {
	v, w := atoi(f.Value), atoi(f.Second)
	large, small := f.Value, f.Second
	if v < w {
		large, small = small, large
	}
	more := large + " is more than " + small + "."
	pick := func(yes, no string) string {
		if v > w {
			return yes
		}
		return no
	}
	switch task {
	case TaskMoreOf:
		p.Options = []string{"bridges", "gates"}
		p.Thought = f.fill("{V} bridges and {W} gates, and ") + more
		p.Response = pick("bridges", "gates")
	case TaskOlder:
		p.Thought = f.fill("{E} is {V} and {F} is {W}, and ") + more
		p.Response = pick(f.Entity, f.Other)
	case TaskDifference:
		p.Response = strconv.Itoa(v - w)
		p.Thought = f.fill("{V} shops and {W} ships, and {V} - {W} = ") + p.Response + "."
	case TaskYesNo:
		p.Response = pick("yes", "no")
	case TaskTrueFalse:
		p.Options = []string{"true", "false"}
		p.Response = pick("true", "false")
	default:
		panic("sample: unknown task")
	}
}

// choices are the value and three other words, in drawn order.
func (s *factSpec) choices(value string, r *rand.Rand) []string {
	options := []string{value}
	for len(options) < 4 {
		options = append(options, outsider(s.words, options, r))
	}
	return shuffled(r, options)
}

// outsider draws a word that is not in the list.
func outsider(words, list []string, r *rand.Rand) string {
	for {
		if w := words[r.IntN(len(words))]; !slices.Contains(list, w) {
			return w
		}
	}
}

func shuffled(r *rand.Rand, s []string) []string {
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	return s
}

// atoi reads a number that this package wrote.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("sample: a fact's number is none")
	}
	return n
}
