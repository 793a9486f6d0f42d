package kernels

import "fmt"

// Readback is host memory that results are copied to in the order of operations, to be looked at later: the host issues what
// comes next before it waits, so that the device has work meanwhile. One goroutine uses it at a time.
type Readback interface {
	// Fetch issues copies of tensors to the host, one behind the other, as they are when the operations issued before have run.
	// It panics with a *ShapeError when they are more bytes than OpenReadback was asked for.
	Fetch(src ...Tensor)
	// Wait waits until the copies of the last Fetch have arrived, and for nothing issued since, and returns their bytes, which
	// stand until the next Fetch. A failure of what was issued before Fetch is returned instead (it may be one of something
	// issued later that has failed by now) and stays for Sync; it is returned also where Sync has taken it since Fetch.
	Wait() ([]byte, error)
	// Close gives the memory back; before the backend is closed.
	Close()
}

// CheckReadback is what every backend's Fetch checks first: src must be present and fit into room bytes. It returns their
// bytes.
func CheckReadback(room int64, src []Tensor) int64 {
	total := int64(0)
	for i, t := range src {
		if t.IsZero() {
			panic(&ShapeError{Op: "readback", Code: "tensor is absent", Detail: fmt.Sprintf("number %d of %d", i+1, len(src))})
		}
		total += t.Bytes()
	}
	if total > room {
		panic(&ShapeError{Op: "readback", Code: "more bytes than there is room for", Detail: fmt.Sprintf("%v is %d bytes, opened for %d", src, total, room)})
	}
	return total
}
