package tokenizer

import (
	"strconv"
)

// object gives typed access to the fields of a JSON object. The first error sticks, so that a
// reader of many fields checks once, at the end.
type object struct {
	path string
	node node
	err  *error
}

// asObject opens n as an object that has no keys but the known ones: an unknown one may change the
// ids. Callers look at *err when they have read their fields.
func asObject(n node, path string, err *error, known ...string) object {
	o := object{path: path, node: n, err: err}
	if n.kind != kindObject {
		o.fail(invalid(path, "is %v, not an object", n.kind))
		return o
	}
	for _, key := range n.keys {
		if !contains(known, key) {
			o.fail(unsupported(join(path, key), "unknown field"))
		}
	}
	return o
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (o object) fail(err error) {
	if *o.err == nil {
		*o.err = err
	}
}

// get returns the field, or null when it is absent.
func (o object) get(key string) node {
	for i, k := range o.node.keys {
		if k == key {
			return o.node.items[i]
		}
	}
	return node{}
}

// want returns the field if it has the kind; otherwise it fails and returns the kind's zero.
func (o object) want(key string, k kind) node {
	n := o.get(key)
	if n.kind != k {
		o.fail(invalid(join(o.path, key), "is %v, not %v", n.kind, k))
		return node{kind: k}
	}
	return n
}

func (o object) text(key string) string { return o.want(key, kindString).text }

func (o object) array(key string) []node { return o.want(key, kindArray).items }

// flag returns a boolean that must be there.
func (o object) flag(key string) bool { return o.want(key, kindBool).bool }

// flagOr returns a boolean, or def when it is absent or null.
func (o object) flagOr(key string, def bool) bool {
	if o.get(key).kind == kindNull {
		return def
	}
	return o.flag(key)
}

// textOr returns a string, or def when it is absent or null.
func (o object) textOr(key, def string) string {
	if o.get(key).kind == kindNull {
		return def
	}
	return o.text(key)
}

// integer returns a number from 0 to limit-1 that is written as an integer.
func (o object) integer(key string, limit int) int {
	n := o.want(key, kindNumber)
	v, err := integer(n, limit)
	if err != "" {
		o.fail(invalid(join(o.path, key), "%s", err))
	}
	return v
}

// integer reads n as an integer from 0 to limit-1, or says why it is none.
func integer(n node, limit int) (v int, problem string) {
	if n.kind != kindNumber {
		return 0, "is " + n.kind.String() + ", not a number"
	}
	v, err := strconv.Atoi(n.text)
	if err != nil || v < 0 || v >= limit {
		return 0, "is " + quote(n.text) + ", not an integer from 0 to " + strconv.Itoa(limit-1)
	}
	return v, ""
}

// element names element i of the list at path.
func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
