package datasets

import "strings"

// cannotAnswer ends the contexts of QuAC and DoQA, so that it can be a span.
const cannotAnswer = "CANNOTANSWER"

// answerable takes cannotAnswer off a context.
func answerable(context text) string {
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(string(context)), cannotAnswer))
}

// dialogueAnswer writes an unanswerable turn in words.
func dialogueAnswer(span string) string {
	if strings.TrimSpace(span) == cannotAnswer {
		return unanswerable
	}
	return span
}
