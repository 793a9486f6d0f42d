package kernels

import (
	"fmt"
	"sort"
	"strings"
	"sync"
)

// Variant is one implementation of an op for one instruction set or architecture.
type Variant struct {
	Op        string // "linear.f32", "attention", "rmsnorm", …
	Name      string // "generic", "avx2", "avx512", "avx512bf16", "sm80", …
	Available bool   // this machine can run it
	InUse     bool   // it is what the op runs now
	Bits      string // variants of one op with the same Bits give the same bits; written into runs and kept on resume
}

var forced struct {
	sync.Mutex
	byOp map[string]string
}

// Force makes ops use a named variant: "attention=avx2", several separated by commas, "*=generic" for every op that has the
// variant; "" forgets all. It takes effect for operations issued afterwards. table is
// what Variants of a backend returned: a name that it does not have, or that this machine cannot run, is an error and changes
// nothing.
func Force(spec string, table []Variant) error {
	next := map[string]string{}
	for _, part := range strings.Split(spec, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		op, name, ok := strings.Cut(part, "=")
		if !ok {
			return fmt.Errorf("%w: %q is not op=variant", ErrUnknownForced, part)
		}
		found := 0
		for _, v := range table {
			if (op == "*" || op == v.Op) && v.Name == name && v.Available {
				next[v.Op] = name
				found++
			}
		}
		if found == 0 {
			return fmt.Errorf("%w: %q (have %s)", ErrUnknownForced, part, names(table))
		}
	}
	forced.Lock()
	forced.byOp = next
	forced.Unlock()
	return nil
}

// Forced returns the variant that op was forced to, or "".
func Forced(op string) string {
	forced.Lock()
	defer forced.Unlock()
	return forced.byOp[op]
}

func names(table []Variant) string {
	var out []string
	for _, v := range table {
		if v.Available {
			out = append(out, v.Op+"="+v.Name)
		}
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}
