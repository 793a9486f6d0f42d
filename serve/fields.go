package serve

import (
	"slices"
	"strconv"
)

// fields says how each field of a request is read; the decoder stands at the value, which is not null: null is an absent field.
type fields map[string]func(d *decoder) error

// bounds are the ranges of the numbers that a request may hold, both ends allowed. The OpenAPI page says the same (a test compares).
var bounds = map[string][2]float64{
	"temperature":           {0, 2},
	"top_p":                 {0, 1},
	"min_p":                 {0, 1},
	"top_k":                 {-1, 1 << 20}, // -1 and 0: all
	"repetition_penalty":    {0.01, 10},
	"presence_penalty":      {-2, 2},
	"frequency_penalty":     {-2, 2},
	"n":                     {1, 128},
	"best_of":               {1, 128},
	"max_tokens":            {0, 1 << 24},
	"max_completion_tokens": {1, 1 << 24},
	"max_new_tokens":        {1, 1 << 24},
	"logprobs":              {0, 20},
	"top_logprobs":          {0, 20},
	"seed":                  {-1 << 63, 1<<64 - 1},
	"rounds":                {1, 16},
	"logit_bias":            {-100, 100},
}

// read decodes a whole request. Fields that are not in the table are refused by name: what a client asks for and does not get must
// not pass in silence.
func (f fields) read(body []byte) error {
	d, err := newDecoder(body)
	if err != nil {
		return err
	}
	if err := d.want("an object"); err != nil {
		return badField("", "the body must be a JSON object")
	}
	if err := f.object(d); err != nil {
		return err
	}
	return d.end()
}

// object reads an object of these fields.
func (f fields) object(d *decoder) error {
	return d.object(func(key string) error {
		if d.next() == 'n' && d.word("null") {
			return nil
		}
		read, known := f[key]
		if !known {
			return d.bad("unknown field %s", d.where())
		}
		return read(d)
	})
}

// float reads a number into dst.
func float(name string, dst *float32) func(*decoder) error {
	return func(d *decoder) error {
		v, err := d.bounded(name)
		*dst = float32(v)
		return err
	}
}

func (d *decoder) bounded(name string) (float64, error) {
	raw, err := d.number()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(raw, 64)
	if r := bounds[name]; err != nil || !(v >= r[0] && v <= r[1]) {
		return 0, d.bad("%s is %s, must be %v to %v", d.where(), short(raw), r[0], r[1])
	}
	return v, nil
}

// integer reads a whole number into a new *dst.
func integer(name string, dst **int) func(*decoder) error {
	return func(d *decoder) error {
		v, err := d.bounded(name)
		if err != nil {
			return err
		}
		i := int(v)
		if float64(i) != v {
			return d.bad("%s is %v, must be a whole number", d.where(), v)
		}
		*dst = &i
		return nil
	}
}

// seed reads any 64-bit integer, signed or not, exactly.
func seed(dst **uint64) func(*decoder) error {
	return func(d *decoder) error {
		raw, err := d.number()
		if err != nil {
			return err
		}
		if v, err := strconv.ParseUint(raw, 10, 64); err == nil {
			*dst = &v
			return nil
		}
		v, err := strconv.ParseInt(raw, 10, 64)
		if err != nil {
			return d.bad("%s is %s, must be a 64-bit integer", d.where(), short(raw))
		}
		u := uint64(v)
		*dst = &u
		return nil
	}
}

func boolean(dst *bool) func(*decoder) error {
	return func(d *decoder) error {
		if err := d.want("a boolean"); err != nil {
			return err
		}
		if *dst = d.word("true"); *dst || d.word("false") {
			return nil
		}
		return d.syntax()
	}
}

// text reads a string of at most limit bytes; 0: as the body allows.
func text(dst *string, limit int) func(*decoder) error {
	return func(d *decoder) (err error) {
		if *dst, err = d.text(); err == nil && limit > 0 && len(*dst) > limit {
			return d.bad("%s has %d bytes, more than %d", d.where(), len(*dst), limit)
		}
		return err
	}
}

// ignored reads over a field that changes nothing here.
func ignored(d *decoder) error { return d.skip() }

// only refuses every value but those that ask for nothing: they are compared as they stand, without blanks.
func only(values ...string) func(*decoder) error {
	return func(d *decoder) error {
		d.space()
		from := d.at
		if err := d.skip(); err != nil {
			return err
		}
		if raw := string(d.b[from:d.at]); !slices.Contains(values, raw) {
			return d.bad("%s is not supported by this server", d.where())
		}
		return nil
	}
}

// texts reads a string or a list of strings, none of them empty.
func texts(dst *[]string, most, bytes int) func(*decoder) error {
	return func(d *decoder) error {
		one := func() error {
			t, err := d.text()
			switch {
			case err != nil:
				return err
			case t == "":
				return d.bad("%s is empty", d.where())
			case len(t) > bytes:
				return d.bad("%s has %d bytes, more than %d", d.where(), len(t), bytes)
			case len(*dst) == most:
				return d.bad("%s: more than %d strings", d.where(), most)
			}
			*dst = append(*dst, t)
			return nil
		}
		*dst = nil
		switch d.kind() {
		case "a string":
			return one()
		case "an array":
			return d.array(func(int) error { return one() })
		}
		return d.want("a string or an array of strings")
	}
}
