package curate

import (
	"context"
	"runtime"
	"sync"
)

// parallel is how many batches are worked on at a time.
func parallel() int { return runtime.GOMAXPROCS(0) }

// pipeline reads all documents of an input, works on batches with all cores, and hands the results to sink in the order of the
// documents, one at a time. work is told which of the parallel workers it is. The first error ends it.
func pipeline[T any](ctx context.Context, in *input, work func(worker int, b *batch) (T, error), sink func(b *batch, result T) error) error {
	type job struct {
		batch  *batch
		result T
		err    error
		done   chan struct{}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	workers := parallel()
	jobs := make(chan *job)
	order := make(chan *job, 2*workers) // what bounds the batches on their way
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for j := range jobs {
				j.result, j.err = work(i, j.batch)
				close(j.done)
			}
		})
	}
	var readErr error
	wg.Go(func() {
		defer close(order)
		defer close(jobs)
		readErr = in.batches(ctx, func(b *batch) error {
			j := &job{batch: b, done: make(chan struct{})}
			select {
			case order <- j:
			case <-ctx.Done():
				return ctx.Err()
			}
			jobs <- j // a worker takes it: they end only after this channel is closed
			return nil
		})
	})
	var err error
	for j := range order {
		<-j.done
		if err != nil {
			continue
		}
		if err = j.err; err == nil {
			err = sink(j.batch, j.result)
		}
		if err != nil {
			stop()
		}
	}
	wg.Wait()
	if err != nil {
		return err
	}
	return readErr
}
