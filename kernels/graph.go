package kernels

// Graph is a captured sequence of operations. What changes from one launch to the next is read from device tensors; their
// addresses and shapes are those of the capture, so the memory must stay allocated as long as the graph is used.
type Graph interface {
	// Launch issues the operations again, by one call. A failure of it sticks like that of any operation.
	Launch()
	// Close frees the graph, before its backend is closed; a failure sticks. Calling it again does nothing.
	Close()
}

// Capturer is a backend that can capture operations; not every backend is one. Who issues the same operations many times asks
// for it, and issues them one by one where it is absent: the results are the same bits.
type Capturer interface {
	// Capture calls issue and notes the operations that it issues instead of running them. No memory is allocated or freed, no
	// bytes are written from the host and nothing is waited for within issue. Every op must have run once with the same shapes, so
	// that its kernels and its choice of algorithm are there.
	Capture(issue func()) (Graph, error)
}
