package s3_test

import (
	"context"
	"fmt"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/s3"
)

// Nothing is connected before an s3:// path is read.
func ExampleFromEnv() {
	env := map[string]string{"AWS_ENDPOINT_URL": "storage.example:9000"} // os.Getenv in a program
	opt := data.Options{Store: s3.FromEnv(context.Background(), func(name string) string { return env[name] })}
	_, err := data.Files([]string{"s3://corpora/wiki/"}, opt)
	fmt.Println(err)
	// Output: s3://corpora/wiki/: AWS_ENDPOINT_URL "storage.example:9000" is no http:// or https:// address of a host
}
