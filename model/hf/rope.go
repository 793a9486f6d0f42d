package hf

import (
	"github.com/primer-lm/primer/model"
)

// readRope reads the rotary embedding from rope_parameters (transformers 5), from rope_theta and rope_scaling (transformers
// 4), or from both where they agree.
func readRope(f *fields, c *model.Config) {
	theta, hasTheta := value[float64](f, "rope_theta", false)
	_, saysScaling := f.raw["rope_scaling"] // null says: none
	scaling, hasScaling := ropeFields(f, "rope_scaling")
	now, hasNow := ropeFields(f, "rope_parameters")
	if f.err != nil {
		return
	}
	if !hasNow {
		if !hasTheta && !(hasScaling && scaling.Theta != 0) {
			f.fail("rope_theta", "missing; it changes what the model computes, so no default is assumed: add it (transformers would take 10000)")
		}
		c.Rope = joinRope(f, theta, hasTheta, scaling)
		return
	}
	c.Rope = now
	if now.Theta == 0 {
		f.fail("rope_parameters.rope_theta", "missing; it changes what the model computes, so no default is assumed: add it")
	}
	if hasTheta && theta != now.Theta {
		f.fail("rope_theta", "is %v, but rope_parameters.rope_theta is %v", theta, now.Theta)
	}
	if saysScaling && joinRope(f, now.Theta, true, scaling) != now {
		f.fail("rope_scaling", "contradicts rope_parameters")
	}
}

// joinRope completes a rope_scaling, possibly absent, by the theta that stands beside it.
func joinRope(f *fields, theta float64, hasTheta bool, scaling model.Rope) model.Rope {
	if scaling.Type == "" {
		scaling.Type = model.RopeDefault
	}
	if hasTheta {
		if scaling.Theta != 0 && scaling.Theta != theta {
			f.fail("rope_theta", "is %v, but rope_scaling.rope_theta is %v", theta, scaling.Theta)
		}
		scaling.Theta = theta
	}
	return scaling
}

// ropeFields reads one of the two objects. "type" is the older spelling of rope_type.
func ropeFields(f *fields, name string) (r model.Rope, ok bool) {
	raw, ok := f.take(name)
	if !ok {
		return r, false
	}
	object, err := decodeObject(raw)
	if err != nil {
		f.fail(name, "%v", err)
		return r, false
	}
	g := &fields{where: name + ".", raw: object}
	var hasOld bool
	var old string
	old, hasOld = value[string](g, "type", false)
	if r.Type, ok = value[string](g, "rope_type", false); !ok {
		r.Type = old
	} else if hasOld && old != r.Type {
		g.fail("type", "is %q, but rope_type is %q", old, r.Type)
	}
	r.Theta, _ = value[float64](g, "rope_theta", false)
	mustBe(g, "partial_rotary_factor", 1.0, "the whole head rotates")
	switch r.Type {
	case model.RopeDefault:
	case model.RopeLlama3:
		r.Factor = need[float64](g, "factor")
		r.LowFreq = need[float64](g, "low_freq_factor")
		r.HighFreq = need[float64](g, "high_freq_factor")
		r.OriginalMax = need[int64](g, "original_max_position_embeddings")
	case "":
		g.fail("rope_type", "missing; supported are default and llama3")
	default:
		g.fail("rope_type", "is %q, supported are default and llama3", r.Type)
	}
	for key, v := range g.raw {
		if !isNull(v) {
			g.fail(key, "has no meaning for rope_type %q", r.Type)
		}
	}
	if g.err != nil && f.err == nil {
		f.err = g.err
	}
	return r, true
}
