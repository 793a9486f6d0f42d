package events

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Event is the part of tensorflow.Event that Primer writes and reads.
type Event struct {
	WallTime    float64 // seconds since 1970
	Step        int64
	FileVersion string   // of the first event of a file
	Start       bool     // a SessionLog that says START: events of this step and after it in earlier files are superseded
	Scalars     []Scalar // a Summary
}

// Scalar is one point of a curve; a name with slashes puts it into a group. TensorBoard keeps f32.
type Scalar struct {
	Name  string
	Value float32
}

// Field numbers of the messages Event, SessionLog, Summary and Summary.Value, and the number of SessionLog.START.
const (
	eventWallTime    = 1 // double
	eventStep        = 2 // int64
	eventFileVersion = 3 // string
	eventSummary     = 5
	eventSessionLog  = 7
	sessionStatus    = 1 // enum
	sessionStart     = 1
	summaryValue     = 1 // repeated
	valueTag         = 1 // string
	valueSimple      = 2 // float
)

// fileVersion opens every event file.
const fileVersion = "brain.Event:2"

func (e Event) encode() []byte {
	b := protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(e.WallTime))
	if e.Step != 0 {
		b = protowire.AppendTag(b, eventStep, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(e.Step))
	}
	if e.FileVersion != "" {
		b = protowire.AppendTag(b, eventFileVersion, protowire.BytesType)
		b = protowire.AppendString(b, e.FileVersion)
	}
	if len(e.Scalars) > 0 {
		var summary []byte
		for _, s := range e.Scalars {
			summary = protowire.AppendTag(summary, summaryValue, protowire.BytesType)
			summary = protowire.AppendBytes(summary, s.encode())
		}
		b = protowire.AppendTag(b, eventSummary, protowire.BytesType)
		b = protowire.AppendBytes(b, summary)
	}
	if e.Start {
		log := protowire.AppendTag(nil, sessionStatus, protowire.VarintType)
		log = protowire.AppendVarint(log, sessionStart)
		b = protowire.AppendTag(b, eventSessionLog, protowire.BytesType)
		b = protowire.AppendBytes(b, log)
	}
	return b
}

func (s Scalar) encode() []byte {
	b := protowire.AppendTag(nil, valueTag, protowire.BytesType)
	b = protowire.AppendString(b, s.Name)
	b = protowire.AppendTag(b, valueSimple, protowire.Fixed32Type)
	return protowire.AppendFixed32(b, math.Float32bits(s.Value))
}

// value is one field of a message: bytes of a string or message, or the bits of a number.
type value struct {
	bytes []byte
	bits  uint64
}

// fields visits the fields of a message in order.
func fields(b []byte, visit func(num protowire.Number, v value) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: %v", ErrDamaged, protowire.ParseError(n))
		}
		b = b[n:]
		var v value
		switch typ {
		case protowire.VarintType:
			v.bits, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var bits uint32
			bits, n = protowire.ConsumeFixed32(b)
			v.bits = uint64(bits)
		case protowire.Fixed64Type:
			v.bits, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return fmt.Errorf("%w: %v", ErrDamaged, protowire.ParseError(n))
		}
		if err := visit(num, v); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// decode reads an event; fields it does not know are passed over.
func decode(b []byte) (e Event, err error) {
	err = fields(b, func(num protowire.Number, v value) error {
		switch num {
		case eventWallTime:
			e.WallTime = math.Float64frombits(v.bits)
		case eventStep:
			e.Step = int64(v.bits)
		case eventFileVersion:
			e.FileVersion = string(v.bytes)
		case eventSessionLog:
			return fields(v.bytes, func(num protowire.Number, v value) error {
				e.Start = e.Start || num == sessionStatus && v.bits == sessionStart
				return nil
			})
		case eventSummary:
			return fields(v.bytes, func(num protowire.Number, v value) error {
				if num != summaryValue {
					return nil
				}
				s, err := decodeScalar(v.bytes)
				e.Scalars = append(e.Scalars, s)
				return err
			})
		}
		return nil
	})
	return e, err
}

func decodeScalar(b []byte) (s Scalar, err error) {
	err = fields(b, func(num protowire.Number, v value) error {
		switch num {
		case valueTag:
			s.Name = string(v.bytes)
		case valueSimple:
			s.Value = math.Float32frombits(uint32(v.bits))
		}
		return nil
	})
	return s, err
}
