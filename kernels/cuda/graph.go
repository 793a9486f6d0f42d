//go:build cuda

package cuda

/*
#include "driver.h"
*/
import "C"

import (
	"errors"
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// graph is a captured sequence of operations, to be issued again by one call.
type graph struct {
	b    *Backend
	exec uintptr
}

// Capture calls issue, notes the operations that it issues instead of running them, and returns them as a graph.
func (b *Backend) Capture(issue func()) (kernels.Graph, error) {
	if err := b.beginCapture(); err != nil {
		return nil, err
	}
	ended := false
	defer func() { // issue panics: the stream must not be left capturing
		if !ended {
			_, _ = b.endCapture() // the panic says more
		}
	}()
	issue()
	ended = true
	exec, err := b.endCapture()
	if err != nil {
		return nil, err
	}
	return &graph{b, exec}, nil
}

func (b *Backend) beginCapture() error {
	b.issue.Lock()
	defer b.issue.Unlock()
	if b.capturing {
		return fmt.Errorf("%w: %s: Capture within Capture", kernels.ErrDevice, b.Name())
	}
	if b.sticky != nil {
		return b.sticky
	}
	if err := driverError(C.driver_capture_begin(b.queue())); err != nil {
		return fmt.Errorf("%w: %s: capture: %w", kindOf(err), b.Name(), err)
	}
	b.capturing = true
	return nil
}

// endCapture ends the capture. A failure of a call within it fails the capture, and is gone with it: nothing has run.
func (b *Backend) endCapture() (uintptr, error) {
	b.issue.Lock()
	defer b.issue.Unlock()
	var exec C.uintptr_t
	err := driverError(C.driver_capture_end(b.queue(), &exec))
	b.capturing = false
	if err != nil {
		err = fmt.Errorf("%w: %s: capture: %w", kindOf(err), b.Name(), err)
	}
	if b.sticky != nil {
		err = errors.Join(b.sticky, err)
		b.sticky = nil
	}
	if err != nil && exec != 0 {
		err = errors.Join(err, driverError(C.driver_graph_free(b.queue(), exec)))
	}
	return uintptr(exec), err
}

// Launch issues the operations of the graph.
func (g *graph) Launch() {
	g.b.issue.Lock()
	defer g.b.issue.Unlock()
	if g.b.sticky != nil {
		return
	}
	if err := driverError(C.driver_graph_launch(g.b.queue(), C.uintptr_t(g.exec))); err != nil {
		g.b.stick("graph", err)
	}
}

// Close frees the graph; one that runs is freed by the driver when it has run.
func (g *graph) Close() {
	g.b.issue.Lock()
	defer g.b.issue.Unlock()
	exec := g.exec
	g.exec = 0
	if exec == 0 {
		return
	}
	if err := driverError(C.driver_graph_free(g.b.queue(), C.uintptr_t(exec))); err != nil {
		g.b.stick("graph", err)
	}
}
