// Package pipeline runs the whole method from end to end: tune a synthesizer, synthesize, verify, template and mix,
// pre-train, evaluate. Quickstart does it on the embedded sample, three arms with the same tokens and the same seed:
//
//	Vanilla   raw texts only
//	Mix       raw texts and the synthesizer's tuning data
//	Instruct  raw texts, the same texts with synthesized pairs, and the tuning data
//
// ("Instruction Pre-Training", Table 1.) Everything it reports is measured in the run. The synthesizer is
// tuned from a small base (base.go) that comes with the program; MakeBase trains it.
package pipeline
