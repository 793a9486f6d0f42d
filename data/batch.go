package data

// Batch is what one forward pass trains on: rows of tokens laid end to end,
// without padding. N is the number of tokens, S the number of documents.
type Batch struct {
	Tokens    []int32 // [N] inputs
	Targets   []int32 // [N] the token that follows each input
	Positions []int32 // [N] rotary positions, from 0 in every document
	Mask      []uint8 // [N] 1 where the target counts in the loss
	CuLens    []int32 // [S+1] where documents start; attention does not cross
	Starts    []int32 // where units (texts) start, whether or not attention stops there
	// LossTokens is the number of ones in Mask. The loss of a step is the sum
	// over its batches divided by the sum of their LossTokens.
	LossTokens int64
	// Sample is the global index of the first document; document i of the batch
	// has index Sample+i. Dropout draws by it, whatever the batching.
	Sample int64
}
