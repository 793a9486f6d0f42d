// Package clients runs clients of others against a server of ours: OpenAI's client for Go and, with tag slow, a browser. It is a
// module of its own, so that nobody who uses Primer downloads them. Its tests are run by those of package serve, which start the
// server: PRIMER_URL says where, PRIMER_API_KEY with which key.
package clients
