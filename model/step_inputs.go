package model

import "github.com/primer-lm/primer/kernels"

// stepShape is how many of everything a step's device tensors hold: what its operations are issued for.
type stepShape struct {
	rows, seqs, columns, wanted int64
	draws                       drawShape
	graph                       bool // padded to one of the few shapes that are captured
}

// stepTensors are a step's inputs on the device. Their places follow from the step's shape alone.
type stepTensors struct {
	rowInputs
	lens, slots, table kernels.Tensor // what only attention reads: [S] [N] [S,columns]
	wanted             kernels.Tensor // [rows that need logits]
	draw               drawInputs
}

// stepBytes bounds what a step packs.
func (m *Model) stepBytes() int64 {
	if m.opt.PageSize == 0 {
		return 0
	}
	n, s := m.opt.Tokens, m.opt.Docs
	return 3*align64(4*n) + align64(8*n) + 2*align64(4*(s+1)) + align64(4*s*m.pages()) + m.drawBytes()
}

// stageStep sends a step's inputs to the device, filled up to its shape. A row that fills up writes nothing into the cache (its
// slot is negative), attends to the first key of the first sequence, and its logits are those of the first row: it cannot fail
// where no other does, and no row depends on it.
func (m *Model) stageStep(in *StepInput, shape stepShape) (t stepTensors) {
	s := m.stager
	s.begin()
	t.n = shape.rows
	t.tokens = putFilled(s, kernels.I32, in.Tokens, shape.rows, in.Tokens[0])
	t.positions = putFilled(s, kernels.I32, in.Positions, shape.rows, 0)
	t.culens = putCuLens(s, in.CuLens, shape.seqs)
	t.lens = putFilled(s, kernels.I32, in.Lens, shape.seqs, 1)
	t.slots = putFilled(s, kernels.I64, in.Slots, shape.rows, -1)
	t.table = putTable(s, in.PageTable, int64(len(in.Lens)), shape)
	t.wanted = putFilled(s, kernels.I32, in.Rows, shape.wanted, 0)
	t.draw = putDraws(s, in.Draws, shape.draws)
	s.flush()
	return t
}

// putFilled copies values into the block, and fill behind them up to n.
func putFilled[T any](s *stager, t kernels.DType, values []T, n int64, fill T) kernels.Tensor {
	host, device := space[T](s, t, int(n))
	for i := copy(host, values); i < len(host); i++ {
		host[i] = fill
	}
	return device
}

// putCuLens gives every sequence that fills up one row.
func putCuLens(s *stager, culens []int32, seqs int64) kernels.Tensor {
	host, device := space[int32](s, kernels.I32, int(seqs)+1)
	for i := copy(host, culens); i < len(host); i++ {
		host[i] = host[i-1] + 1
	}
	return device
}

// putTable widens the rows of a page table of seqs sequences. What a sequence does not reach is never read.
func putTable(s *stager, table []int32, seqs int64, shape stepShape) kernels.Tensor {
	host, device := space[int32](s, kernels.I32, int(shape.seqs*shape.columns))
	have := int64(len(table)) / seqs
	for i := range shape.seqs {
		from := i
		if i >= seqs {
			from = 0
		}
		row := host[i*shape.columns : (i+1)*shape.columns]
		clear(row[copy(row, table[from*have:(from+1)*have]):])
	}
	return device.Reshape(shape.seqs, shape.columns)
}
