package device_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/device"
)

// A device is opened by the name that a user typed. One that is not there is an error, and no other is taken for it.
func ExampleOpen() {
	if _, err := device.Open("gpu"); errors.Is(err, kernels.ErrNoDevice) {
		fmt.Println("there is no gpu")
	}
	b, err := device.Open("cpu")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := b.Alloc(kernels.MemCache, 1<<20); err != nil {
		log.Fatal(err)
	}
	fmt.Println(b.Name(), "holds", b.Usage().Now[kernels.MemCache], "bytes of", kernels.MemCache)
	if err := b.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// there is no gpu
	// cpu holds 1048576 bytes of cache
}
