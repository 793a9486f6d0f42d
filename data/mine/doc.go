// Package mine makes reading comprehension out of raw English text by rules, without
// a model: the baseline that instruction synthesis is compared with. It looks for
// words by which authors themselves say how their sentences hang together.
//
//	entailment    "Therefore, B." after A: does B follow from A? Yes. After "However,"
//	              no; after "Moreover," it cannot be said
//	cause         "A because B.", "A due to B.", "As a result, B." after A
//	paraphrase    "In other words, B." after A
//	definition    "X is defined as Y.", "An X is a Y that …"
//	word to text  a sentence, to be written from some of its words
//	summary       the title, a heading, or the sentence behind "In summary,"
//	completion    the last sentences, which are taken off the text
//
// Rules fire on whole sentences of prose that are clearly of their form, and on
// nothing else: a rule that stays silent costs a pair, one that fires wrongly
// teaches a wrong answer. Relations hold between neighbours of one paragraph.
//
// What is mined from a document depends on the document, the options and the seed
// alone. Memory is bounded by the longest document.
package mine
