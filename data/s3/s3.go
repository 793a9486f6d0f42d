package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/primer-lm/primer/data"
)

// StallTimeout is how long a connection may bring no byte before it is given up for another.
const StallTimeout = time.Minute

// amazon is where requests go when no endpoint is named.
const amazon = "https://s3.amazonaws.com"

// Store reads objects. It is safe for concurrent use.
type Store struct {
	ctx   context.Context // of the command: reading has no other way to be interrupted
	dial  func() (*minio.Core, error)
	stall time.Duration
}

// FromEnv is the store that the environment describes, see the package's comment; getenv is os.Getenv. Nothing is connected, and
// nothing in the environment looked at, before the first request. Requests end when ctx does.
func FromEnv(ctx context.Context, getenv func(string) string) *Store {
	return &Store{ctx: ctx, stall: StallTimeout, dial: sync.OnceValues(func() (*minio.Core, error) { return connect(getenv) })}
}

func first(values ...string) string { return cmp.Or(values...) }

// connect makes the client.
func connect(getenv func(string) string) (*minio.Core, error) {
	endpoint := first(getenv("AWS_ENDPOINT_URL_S3"), getenv("AWS_ENDPOINT_URL"), amazon)
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("AWS_ENDPOINT_URL %q is no http:// or https:// address of a host", endpoint)
	}
	region := first(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"))
	if region == "" && endpoint != amazon {
		region = "us-east-1" // what services without regions take
	}
	core, err := minio.NewCore(u.Host, &minio.Options{Creds: keys(getenv), Secure: u.Scheme == "https", Region: region})
	if err != nil {
		return nil, fmt.Errorf("object storage %s: %w", endpoint, err)
	}
	return core, nil
}

// keys looks in the environment, then in the credentials file; with neither, requests are not signed.
func keys(getenv func(string) string) *credentials.Credentials {
	if id := getenv("AWS_ACCESS_KEY_ID"); id != "" {
		return credentials.NewStaticV4(id, getenv("AWS_SECRET_ACCESS_KEY"), getenv("AWS_SESSION_TOKEN"))
	}
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.FileAWSCredentials{Filename: getenv("AWS_SHARED_CREDENTIALS_FILE"), Profile: getenv("AWS_PROFILE")},
	})
}

// List implements data.Store. The objects are sorted here: not every service lists them in order.
func (s *Store) List(bucket, prefix string, found func(data.Object) error) error {
	core, err := s.dial()
	if err != nil {
		return err
	}
	var all []data.Object
	for o := range core.ListObjectsIter(s.ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return s.explain(o.Err)
		}
		if !strings.HasSuffix(o.Key, "/") { // what consoles make to show a folder
			all = append(all, data.Object{Bucket: bucket, Key: o.Key, Size: o.Size, ETag: bare(o.ETag)})
		}
	}
	if err := s.ctx.Err(); err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b data.Object) int { return cmp.Compare(a.Key, b.Key) })
	for _, o := range all {
		if err := found(o); err != nil {
			return err
		}
	}
	return nil
}

// Stat implements data.Store.
func (s *Store) Stat(bucket, key string) (data.Object, error) {
	core, err := s.dial()
	if err != nil {
		return data.Object{}, err
	}
	o, err := core.StatObject(s.ctx, bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return data.Object{}, s.explain(err)
	}
	return data.Object{Bucket: bucket, Key: key, Size: o.Size, ETag: bare(o.ETag)}, nil
}

func bare(etag string) string { return strings.Trim(etag, `"`) }

// Range implements data.Store.
func (s *Store) Range(o data.Object, offset, n int64) (io.ReadCloser, error) {
	core, err := s.dial()
	if err != nil {
		return nil, err
	}
	var opt minio.GetObjectOptions
	if err := opt.SetRange(offset, offset+n-1); err != nil {
		return nil, err
	}
	if o.ETag != "" {
		if err := opt.SetMatchETag(o.ETag); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(s.ctx)
	body, info, header, err := core.GetObject(ctx, o.Bucket, o.Key, opt)
	if err != nil {
		cancel()
		return nil, s.explain(err)
	}
	r := &ranged{body: body, cancel: cancel, limit: s.stall, timer: time.AfterFunc(s.stall, cancel)}
	switch {
	case o.ETag != "" && bare(info.ETag) != o.ETag: // a service that does not know If-Match
		r.Close()
		return nil, data.ErrChanged
	case !strings.HasPrefix(header.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset)):
		r.Close()
		return nil, fmt.Errorf("object storage gave range %q, byte %d was asked for", header.Get("Content-Range"), offset)
	}
	return r, nil
}

// ranged gives up when it stands still.
type ranged struct {
	body   io.ReadCloser
	cancel context.CancelFunc
	limit  time.Duration
	timer  *time.Timer
}

// Read counts only the time that it waits itself: the reader may be slow.
func (r *ranged) Read(p []byte) (int, error) {
	r.timer.Reset(r.limit)
	defer r.timer.Stop()
	return r.body.Read(p)
}

func (r *ranged) Close() error {
	r.timer.Stop()
	r.cancel()
	return r.body.Close()
}

// explain makes the service's errors ours.
func (s *Store) explain(err error) error {
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	var e minio.ErrorResponse
	if !errors.As(err, &e) {
		return fmt.Errorf("object storage: %w", err)
	}
	switch {
	case e.Code == minio.NoSuchKey || e.Code == minio.NoSuchBucket || e.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: %w", data.ErrNoFile, err)
	case e.Code == minio.PreconditionFailed || e.StatusCode == http.StatusPreconditionFailed:
		return data.ErrChanged
	case e.StatusCode == http.StatusForbidden || e.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("object storage refuses (%s: %w): look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT_URL", e.Code, err)
	}
	return fmt.Errorf("object storage (%s): %w", e.Code, err)
}
