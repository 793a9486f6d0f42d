package clients

import (
	"os"
	"testing"
)

// server is where the server listens, and its key.
func server(t *testing.T) (url, key string) {
	t.Helper()
	url, key = os.Getenv("PRIMER_URL"), os.Getenv("PRIMER_API_KEY")
	if url == "" {
		t.Fatal("PRIMER_URL names no server: the tests of package serve start one and run these")
	}
	return url, key
}
