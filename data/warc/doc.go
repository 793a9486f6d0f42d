// Package warc reads web archives (WARC 1.0 and 1.1, ISO 28500) as documents: .warc and .wet, plain or compressed, with one
// compressed member per record or one for all.
//
// Where to begin: Tables, which goes into data.Options.Tables; read.go goes from record to record, record.go from a record to a
// document.
//
// What becomes a document:
//
//   - conversion records of text/plain, which is what WET files hold;
//   - response records (HTTP, status 200) and resource records of text/plain, as they are, and of text/html and XHTML, whose
//     main text and title are found by Mozilla's Readability (the Go port that Readeck keeps): menus, adverts and footers are
//     left out, and a page without a main text is passed over.
//
// The id is WARC-Record-ID without its brackets, or the target URI; extra fields are url, date, and where they are there
// language (WARC-Identified-Content-Language) and truncated (WARC-Truncated: the crawler cut the page). Characters are decoded
// as browsers do, by byte order mark, HTTP header and <meta>. Chunked transfer and the encodings gzip, deflate, br and zstd are
// taken off; crawlers that took them off before and left the header standing are understood.
//
// Everything else is passed over and counted by reason in data.Report.Skipped. A record costs itself only (data.ErrBroken, with
// the number of the record) when its header is wrong, when its length is not where the next record starts, when its
// WARC-Block-Digest (SHA-1) does not fit, or when its HTTP part cannot be taken apart; reading goes on at the next line that
// starts a record, also at one that a wrong length had swallowed. A record that the file ends in is fatal, as a damaged stream
// is. What the format cannot tell: a plain file that was cut between two records, and flipped bits of a record without a digest.
//
// One record is held in memory at a time, at most MaxBody bytes of it.
package warc
