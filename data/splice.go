package data

import (
	"encoding/json"
	"slices"
)

// Tables have no column for what varies from record to record: data/export writes Extra into a column "extra", and the scores of a
// pair into one, each a string that holds a JSON object. Reading undoes it, so that a record is the same in every format.

// The members that a chain and a pair know; those of a document are fieldNames.
var (
	chainFields = []string{"id", "examples"}
	pairFields  = []string{"instruction", "response", "options", "thought", "scores"}
)

// splice puts the members of such an "extra" in its place, again where one was exported as text inside another. It stays a text
// where one of them has the name of a known field or of a member that is there: that was written by somebody else.
func splice(members []member, known []string) []member {
	for {
		at := slices.IndexFunc(members, func(m member) bool { return m.key == "extra" })
		if at < 0 {
			return members
		}
		inner, err := splitObject(objectIn(members[at].raw))
		if err != nil {
			return members
		}
		out := make([]member, 0, len(members)+len(inner))
		taken := make(map[string]bool, len(members)+len(known))
		for _, name := range known {
			taken[name] = true
		}
		for i, m := range members {
			if i != at && !isNull(m.raw) {
				taken[m.key] = true
				out = append(out, m)
			}
		}
		for _, m := range inner {
			if taken[m.key] {
				return members
			}
		}
		members = append(out, inner...)
	}
}

// objectIn is the JSON object that a JSON string holds, nil where it holds none.
func objectIn(raw []byte) []byte {
	if len(raw) < 4 || raw[0] != '"' || raw[1] != '{' {
		return nil
	}
	text, err := unquote(raw)
	if err != nil || !json.Valid([]byte(text)) {
		return nil
	}
	return []byte(text)
}
