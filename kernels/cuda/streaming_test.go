//go:build cuda && emulator

package cuda

import (
	"testing"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/kerneltest"
	"github.com/primer-lm/primer/kernels/ref"
)

// streaming is the reference with the ops that stream taken from the device: conformance of these alone, on the reference's memory.
type streaming struct {
	kernels.Backend
	dev    *Backend
	report *[failureBytes]byte
	failed error // of the reference
}

func openStreaming() (kernels.Backend, error) {
	report := new([failureBytes]byte)
	dev := &Backend{multiprocessors: 4, failures: uintptr(unsafe.Pointer(report))}
	return &streaming{Backend: ref.Open(ref.Options{Ordered: true}), dev: dev, report: report}, nil
}

// Sync reports the device's failure, if it has one, and forgets it.
func (o *streaming) Sync() error {
	err := o.failed
	for _, other := range []error{o.Backend.Sync(), o.dev.sticky, o.dev.failureOf(o.report[:])} {
		if err == nil {
			err = other
		}
	}
	o.failed, o.dev.sticky, *o.report = nil, nil, [failureBytes]byte{}
	return err
}

// on is the device, made to skip as well once the reference has failed.
func (o *streaming) on() *Backend {
	if err := o.Backend.Sync(); err != nil {
		o.failed = err
		o.report[0] = 0xff
	}
	return o.dev
}

func (o *streaming) Embed(a kernels.EmbedArgs)                     { o.on().Embed(a) }
func (o *streaming) EmbedBackward(a kernels.EmbedBackwardArgs)     { o.on().EmbedBackward(a) }
func (o *streaming) RMSNorm(a kernels.RMSNormArgs)                 { o.on().RMSNorm(a) }
func (o *streaming) RMSNormBackward(a kernels.RMSNormBackwardArgs) { o.on().RMSNormBackward(a) }
func (o *streaming) Rope(a kernels.RopeArgs)                       { o.on().Rope(a) }
func (o *streaming) GLU(a kernels.GLUArgs)                         { o.on().GLU(a) }
func (o *streaming) GLUBackward(a kernels.GLUBackwardArgs)         { o.on().GLUBackward(a) }
func (o *streaming) Dropout(a kernels.DropoutArgs)                 { o.on().Dropout(a) }
func (o *streaming) Copy(a kernels.CopyArgs)                       { o.on().Copy(a) }
func (o *streaming) Fill(a kernels.FillArgs)                       { o.on().Fill(a) }
func (o *streaming) EmbedBackwardPlan(a kernels.EmbedBackwardArgs) int64 {
	return o.dev.EmbedBackwardPlan(a)
}
func (o *streaming) RMSNormBackwardPlan(a kernels.RMSNormBackwardArgs) int64 {
	return o.dev.RMSNormBackwardPlan(a)
}

func TestStreamingOpsConform(t *testing.T) {
	kerneltest.RunAll(t, kerneltest.Options{Open: openStreaming})
}
