// Package report makes one page of a corpus: what is in it, how long, of what kinds, how much stands twice, what was dropped on the
// way, and samples to read.
//
// It reads raw texts, examples, chains and folders of a synthesis alike: everything is a chain (data.Chains). A Counter takes them
// one by one, in bounded memory whatever their number; Report is what it has counted, as JSON; WriteHTML is the page, which opens
// without a network. Pairs are highlighted in the text as training sees it, rendered by package data/templates.
//
// Of the paper's tables on corpora, contamination (Table 9) is shown where the report of a decontamination is given. Accuracy and
// relevance (Table 10) and domains (Tables 11 and 12) are judgements of people or of a large model: no rule of ours would give
// numbers that mean the same, so the page has the domains that records name, and says so.
package report
