package data

import "strings"

// A read_collection line, as the paper's authors publish their tuning data, is
// {"context", "QA_list": [{"Q", "A"}], "QA_type", "rc_name"}. Q and A are in the
// synthesizer's text form: options are a list at the end of Q, a chain of thought
// is announced at the end of Q and stands in A before the conclusion.
const (
	optionsMark    = "\nOptions:\n- "
	optionMark     = "\n- "
	thoughtMark    = "\nLet's think step by step."
	conclusionMark = "\nTherefore, the answer is "
)

func isRelease(members []member) bool {
	var context, list bool
	for _, m := range members {
		context = context || m.key == "context"
		list = list || m.key == "QA_list"
	}
	return context && list
}

// releaseExample turns a read_collection line into an example; its other fields
// (QA_type among them) are kept as unknown ones.
func releaseExample(members []member) (Example, error) {
	var ex Example
	for _, m := range members {
		if isNull(m.raw) {
			continue
		}
		var err error
		switch m.key {
		case "context":
			ex.Text, err = stringOf(m)
		case "rc_name":
			ex.Source, err = stringOf(m)
		case "id":
			ex.ID, err = idOf(m.raw)
		case "title":
			ex.Title, err = stringOf(m)
		case "domain":
			ex.Domain, err = stringOf(m)
		case "text", "source", "pairs":
			err = broken("field %q beside %q: two forms in one record", m.key, "context")
		case "QA_list":
			ex.Pairs, err = releasePairs(m.raw)
		default:
			keep(&ex.Extra, m)
		}
		if err != nil {
			return Example{}, err
		}
	}
	if blank(ex.Text) && len(ex.Pairs) == 0 {
		return Example{}, broken("neither field %q nor a pair", "context")
	}
	return ex, nil
}

func releasePairs(raw []byte) ([]Pair, error) {
	elements, err := splitArray("QA_list", raw)
	if err != nil {
		return nil, err
	}
	var pairs []Pair
	for i, e := range elements {
		members, err := splitObject(e)
		if err != nil {
			return nil, broken("QA_list %d: %v", i, trimBroken(err))
		}
		var q, a string
		for _, m := range members {
			switch {
			case isNull(m.raw):
			case m.key == "Q":
				q, err = stringOf(m)
			case m.key == "A":
				a, err = stringOf(m)
			}
			if err != nil {
				return nil, broken("QA_list %d: %v", i, trimBroken(err))
			}
		}
		p := releasePair(q, a)
		if blank(p.Instruction) || blank(p.Response) {
			return nil, broken("QA_list %d: Q or A is missing or empty", i)
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// releasePair takes thought and options off the ends of Q and A. A Q that
// announces a thought without a conclusion in A is left as it is: what stands
// there is then the response.
func releasePair(q, a string) Pair {
	p := Pair{Instruction: q, Response: a}
	trimmed := strings.TrimRight(q, " \n")
	if rest, ok := strings.CutSuffix(trimmed, thoughtMark); ok {
		if i := strings.LastIndex(a, conclusionMark); i >= 0 {
			p.Instruction = rest
			p.Thought = strings.TrimSpace(a[:i])
			p.Response = strings.TrimSpace(a[i+len(conclusionMark):])
		}
	}
	if i := strings.LastIndex(p.Instruction, optionsMark); i >= 0 {
		for _, o := range strings.Split(p.Instruction[i+len(optionsMark):], optionMark) {
			p.Options = append(p.Options, strings.TrimSpace(o))
		}
		p.Instruction = p.Instruction[:i]
	}
	return p
}

// trimBroken drops the sentinel's text from an inner reason, so that it does not
// stand twice in one message.
func trimBroken(err error) string {
	return strings.TrimPrefix(err.Error(), ErrBroken.Error()+": ")
}
