package s3

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
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

// signed signs the request again with the key that the server knows, for the time that the request names, and compares; see AWS's
// "Signature Version 4 for API requests". A signer that takes the time itself differs whenever a second begins in between.
func signed(r *http.Request) bool {
	got, stamp := r.Header.Get("Authorization"), r.Header.Get("X-Amz-Date")
	when, err := time.Parse("20060102T150405Z", stamp)
	if err != nil || time.Since(when) > time.Minute || !strings.Contains(got, "Credential="+accessKey+"/") {
		return false
	}
	_, list, _ := strings.Cut(got, "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	var headers strings.Builder
	for name := range strings.SplitSeq(list, ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, value)
	}
	query := strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20")
	request := strings.Join([]string{r.Method, r.URL.EscapedPath(), query, headers.String(), list, r.Header.Get("X-Amz-Content-Sha256")}, "\n")
	scope := stamp[:8] + "/us-east-1/s3/aws4_request"
	key := []byte("AWS4" + secretKey)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	want := mac(key, fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", stamp, scope, sha256.Sum256([]byte(request))))
	return strings.HasSuffix(got, fmt.Sprintf("Signature=%x", want))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
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
