// Package datasets turns the public datasets that the synthesizer is tuned on into
// examples, from the files as people download them: the original release or the rows of
// Hugging Face (Parquet, JSON lines, CSV).
//
// Where to begin: All lists the datasets, Find gives one by name, its Convert streams the
// examples, and Most keeps those with most pairs. One file per dataset says what is
// particular to it; squadlike.go, choices.go and dialogue.go hold what several share.
//
// What holds for all of them:
//
//   - one example per distinct context, its pairs in the order of the file; a question that
//     stands twice for a context counts once;
//   - several gold answers: the first; questions, answers and options are trimmed; a pair
//     with an empty one is left out;
//   - the response to a choice is the option's text; several right ones are joined by "; ";
//   - offsets are characters (Unicode code points) of the context as it stands in the file;
//   - a context beyond Options.MaxWords is cut at ends of paragraphs into windows, and each
//     pair goes where its answer lies;
//   - whatever is left out is counted by reason, and the first few are named with file and
//     line or record number.
//
// Records that stand together (articles, stories, dialogues) stream. Rows of one context
// that may stand apart are gathered first: then the texts of the dataset are held in memory.
package datasets
