// Package s3 is the object storage of data.Options.Store: Amazon S3 and what speaks its protocol (MinIO, Ceph, R2, GCS with
// interoperability keys). It reads; nothing here writes.
//
// Where to begin: FromEnv, which takes what the AWS tools take from the environment:
//
//	AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN   the key; without one, the profile in
//	AWS_SHARED_CREDENTIALS_FILE, AWS_PROFILE                      the credentials file (~/.aws/credentials); without that too,
//	                                                              requests are not signed, as public buckets want it
//	AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL                         another service than Amazon's: http://host:port
//	AWS_REGION, AWS_DEFAULT_REGION                                the region; Amazon's is asked for where none is given
//
// Requests that the service is too busy for (429, 5xx) or that find no connection are sent again ten times, with growing pauses.
// A connection that breaks, or that stands still for StallTimeout, ends its Range early; package data goes on from there. Every
// request is bound to the ETag that was listed, so that an object that is replaced in the meantime is data.ErrChanged, never a
// mixture of the two.
package s3
