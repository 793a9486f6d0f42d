// Package synth is the instruction synthesizer: the text it reads and writes, the sequences it is tuned on, and the rounds
// in which it adds instruction–response pairs to raw texts.
//
// The text of one example is
//
//	<s> <CON> {text} </CON>\n\n<QUE> {instruction} <ANS> {response} </END>\n\n<QUE> … </END></s>
//
// ("Instruction Pre-Training", Appendix A, Table 13). The tags are ordinary text; <s> and </s> stand for the tokenizer's own
// special tokens. A sequence of N examples, one after another, is N-shot; a prompt is such a sequence that ends after the
// last </CON>\n\n.
//
// Other programs use Open and Synthesizer.Run; the rest of the package is what they are made of.
package synth
