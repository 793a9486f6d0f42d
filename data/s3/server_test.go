package s3

import (
	"context"
	"crypto/md5"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"
)

const (
	accessKey = "AKIDTEST"
	secretKey = "a secret"
	bucket    = "corpora"
)

// server is as much of S3 as reading needs: it checks signatures, lists in pages of a thousand, and answers ranges and
// conditions as net/http does. Faults are planted by hook.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	objects  map[string][]byte
	requests []string // "GET key bytes=0-9"
	sent     int64    // bytes of objects
	// hook may answer a request itself; n counts those for objects from 1.
	hook func(w http.ResponseWriter, r *http.Request, n int) bool
}

func newServer(t testing.TB, objects map[string][]byte) *server {
	t.Helper()
	s := &server{objects: objects}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// store is a Store for the server, with the environment's variables changed by pairs.
func (s *server) store(pairs ...string) *Store {
	env := map[string]string{"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_ENDPOINT_URL": s.URL,
		"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return FromEnv(context.Background(), func(name string) string { return env[name] })
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if !signed(r) {
		refuse(w, http.StatusForbidden, "SignatureDoesNotMatch")
		return
	}
	name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if name != bucket {
		refuse(w, http.StatusNotFound, "NoSuchBucket")
		return
	}
	if key == "" {
		s.list(w, r)
		return
	}
	s.mu.Lock()
	body, there := s.objects[key]
	s.requests = append(s.requests, fmt.Sprintf("%s %s %s", r.Method, key, r.Header.Get("Range")))
	n := len(s.requests)
	hook := s.hook
	s.mu.Unlock()
	if hook != nil && hook(w, r, n) {
		return
	}
	if !there {
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	w.Header().Set("ETag", etag(body))
	counted := &counting{ResponseWriter: w}
	http.ServeContent(counted, r, "", time.Unix(1700000000, 0), strings.NewReader(string(body)))
	s.mu.Lock()
	s.sent += counted.n
	s.mu.Unlock()
}

type counting struct {
	http.ResponseWriter
	n int64
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n += int64(n)
	return n, err
}

func etag(b []byte) string { return fmt.Sprintf(`"%x"`, md5.Sum(b)) }

// signed signs the request again with the key that the server knows and compares.
func signed(r *http.Request) bool {
	again := r.Clone(r.Context())
	again.URL.Host, again.URL.Scheme = r.Host, "http"
	got := r.Header.Get("Authorization")
	if !strings.Contains(got, "Credential="+accessKey+"/") {
		return false
	}
	when, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(when) > time.Minute {
		return false
	}
	for name := range again.Header { // only what was signed
		_, list, _ := strings.Cut(got, "SignedHeaders=")
		list, _, _ = strings.Cut(list, ",")
		if !slices.Contains(strings.Split(list, ";"), strings.ToLower(name)) {
			again.Header.Del(name)
		}
	}
	want := signer.SignV4(*again, accessKey, secretKey, "", "us-east-1").Header.Get("Authorization")
	return got == want
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s, says the server</Message></Error>", code, code)
}

// list answers ListObjectsV2; the token of a page is the last key of the page before.
func (s *server) list(w http.ResponseWriter, r *http.Request) {
	type content struct {
		Key, ETag, LastModified string
		Size                    int
	}
	var out struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string
		Contents              []content
	}
	q := r.URL.Query()
	most := 1000
	if n, err := strconv.Atoi(q.Get("max-keys")); err == nil && n > 0 {
		most = min(most, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, "LIST "+q.Get("prefix"))
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if !strings.HasPrefix(key, q.Get("prefix")) || key <= q.Get("continuation-token") {
			continue
		}
		if len(out.Contents) == most {
			out.IsTruncated, out.NextContinuationToken = true, out.Contents[most-1].Key
			break
		}
		out.Contents = append(out.Contents, content{key, etag(s.objects[key]), "2024-01-01T00:00:00Z", len(s.objects[key])})
	}
	if err := xml.NewEncoder(w).Encode(out); err != nil {
		panic(err)
	}
}
