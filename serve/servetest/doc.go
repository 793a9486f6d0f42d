// Package servetest holds what every server of ours must withstand, whether it runs in the test's process or in its own: hostile
// requests, and clients that leave or stall.
package servetest
