// Not with tag cuda: gorgonia wants cuDNN and cuBLAS there, and these tests are about the reference.
//go:build !cuda

package kerneltest_test

import (
	"fmt"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// oracle builds the block as a float64 graph of gorgonia, which differentiates it by itself. The graph uses products, sums,
// exponentials, roots and quotients only: rows are spread over columns by products with ones, heads are weights of their own,
// and the rotation is a product with a signed permutation, so that it has nothing in common with our kernels.
type oracle struct {
	g      *gorgonia.ExprGraph
	values map[string][]float64
	leaves map[string][]leaf
	nodes  int
}

// leaf is a graph node that holds part of a parameter: element (i,j) of the node is element at(i,j) of the parameter.
type leaf struct {
	node *gorgonia.Node
	rows int
	cols int
	at   func(i, j int) int
}

func (o *oracle) constant(name string, rows, cols int, f func(i, j int) float64) *gorgonia.Node {
	data := make([]float64, 0, rows*cols)
	for i := range rows {
		for j := range cols {
			data = append(data, f(i, j))
		}
	}
	name = fmt.Sprint(name, " ", o.nodes) // the graph takes nodes of one name and shape for one node
	o.nodes++
	value := tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(data))
	return gorgonia.NewMatrix(o.g, tensor.Float64, gorgonia.WithShape(rows, cols), gorgonia.WithName(name), gorgonia.WithValue(value))
}

func (o *oracle) ones(rows, cols int) *gorgonia.Node {
	return o.constant("ones", rows, cols, func(int, int) float64 { return 1 })
}

// param makes a node of part of a parameter.
func (o *oracle) param(name string, rows, cols int, at func(i, j int) int) *gorgonia.Node {
	n := o.constant(name, rows, cols, func(i, j int) float64 { return o.values[name][at(i, j)] })
	o.leaves[name] = append(o.leaves[name], leaf{n, rows, cols, at})
	return n
}

// transposed makes the node [in,out] of rows [from, from+out) and columns [col, col+in) of a weight with width columns.
func (o *oracle) transposed(name string, from, out, col, in, width int) *gorgonia.Node {
	return o.param(name, in, out, func(i, j int) int { return (from+j)*width + col + i })
}

var (
	must = gorgonia.Must
	mul  = func(a, b *gorgonia.Node) *gorgonia.Node { return must(gorgonia.Mul(a, b)) }
	had  = func(a, b *gorgonia.Node) *gorgonia.Node { return must(gorgonia.HadamardProd(a, b)) }
	div  = func(a, b *gorgonia.Node) *gorgonia.Node { return must(gorgonia.HadamardDiv(a, b)) }
	add  = func(a, b *gorgonia.Node) *gorgonia.Node { return must(gorgonia.Add(a, b)) }
)

// norm is x / sqrt(mean(x²) + eps) · w.
func (o *oracle) norm(name string, x *gorgonia.Node) *gorgonia.Node {
	w := o.param(name, 1, blockDim, func(_, j int) int { return j })
	mean := o.constant("mean", blockDim, blockDim, func(int, int) float64 { return 1.0 / blockDim })
	eps := o.constant("eps", blockRows, blockDim, func(int, int) float64 { return blockEps })
	root := must(gorgonia.Sqrt(add(mul(had(x, x), mean), eps)))
	return had(div(x, root), mul(o.ones(blockRows, 1), w))
}

func (o *oracle) rotate(x *gorgonia.Node) *gorgonia.Node {
	cos, sin := blockRotation()
	const half = blockHead / 2
	table := func(of []float64) *gorgonia.Node {
		return o.constant("angle", blockRows, blockHead, func(i, j int) float64 { return of[int(blockAngles[i])*half+j%half] })
	}
	turn := o.constant("turn", blockHead, blockHead, func(i, j int) float64 {
		switch i - j {
		case half:
			return -1 // column j < half takes −x[j+half]
		case -half:
			return 1
		}
		return 0
	})
	return add(had(x, table(cos)), had(mul(x, turn), table(sin)))
}

// attention returns the attention layer's output before the residual.
func (o *oracle) attention(h *gorgonia.Node) *gorgonia.Node {
	document := func(i int) int32 {
		if int32(i) < blockDocs[1] {
			return 0
		}
		return 1
	}
	mask := o.constant("mask", blockRows, blockRows, func(i, j int) float64 {
		if j <= i && document(i) == document(j) {
			return 1
		}
		return 0
	})
	scale := o.constant("scale", blockRows, blockRows, func(int, int) float64 { return blockScale })
	var keys, values []*gorgonia.Node
	for g := range blockKV {
		k := mul(h, o.transposed("qkv", (blockHeads+g)*blockHead, blockHead, 0, blockDim, blockDim))
		keys = append(keys, must(gorgonia.Transpose(o.rotate(k), 1, 0)))
		values = append(values, mul(h, o.transposed("qkv", (blockHeads+blockKV+g)*blockHead, blockHead, 0, blockDim, blockDim)))
	}
	var out *gorgonia.Node
	for head := range blockHeads {
		g := head / (blockHeads / blockKV)
		q := o.rotate(mul(h, o.transposed("qkv", head*blockHead, blockHead, 0, blockDim, blockDim)))
		e := had(must(gorgonia.Exp(had(mul(q, keys[g]), scale))), mask)
		p := div(e, mul(e, o.ones(blockRows, blockRows)))
		part := mul(mul(p, values[g]), o.transposed("o", 0, blockDim, head*blockHead, blockHead, blockHeads*blockHead))
		if out == nil {
			out = part
		} else {
			out = add(out, part)
		}
	}
	return out
}

func (o *oracle) feedForward(h *gorgonia.Node) *gorgonia.Node {
	gate := mul(h, o.transposed("gateup", 0, blockFF, 0, blockDim, blockDim))
	up := mul(h, o.transposed("gateup", blockFF, blockFF, 0, blockDim, blockDim))
	one := o.ones(blockRows, blockFF)
	silu := div(gate, add(one, must(gorgonia.Exp(must(gorgonia.Neg(gate))))))
	return mul(had(silu, up), o.transposed("down", 0, blockDim, 0, blockFF, blockFF))
}

// loss is the sum over rows with loss of blockLoss·(lse − logit of the target).
func (o *oracle) loss(y *gorgonia.Node) *gorgonia.Node {
	logits := mul(y, o.transposed("head", 0, blockVocab, 0, blockDim, blockDim))
	lse := must(gorgonia.Log(mul(must(gorgonia.Exp(logits)), o.ones(blockVocab, 1))))
	hot := o.constant("hot", blockRows, blockVocab, func(i, j int) float64 {
		if int(blockTargets[i]) == j {
			return 1
		}
		return 0
	})
	weight := o.constant("weight", blockRows, 1, func(i, _ int) float64 { return blockLoss * float64(blockMask[i]) })
	picked := mul(had(logits, hot), o.ones(blockVocab, 1))
	return must(gorgonia.Sum(had(must(gorgonia.Sub(lse, picked)), weight)))
}

// oracleBlock computes loss and gradients of the block by gorgonia.
func oracleBlock(t *testing.T) blockResult {
	o := &oracle{g: gorgonia.NewGraph(), values: blockValues(), leaves: map[string][]leaf{}}
	x := o.param("x", blockRows, blockDim, func(i, j int) int { return i*blockDim + j })
	s := add(x, o.attention(o.norm("norm1", x)))
	loss := o.loss(add(s, o.feedForward(o.norm("norm2", s))))
	var nodes gorgonia.Nodes
	for _, name := range blockNames {
		for _, l := range o.leaves[name] {
			nodes = append(nodes, l.node)
		}
	}
	if _, err := gorgonia.Grad(loss, nodes...); err != nil {
		t.Fatal(err)
	}
	machine := gorgonia.NewTapeMachine(o.g, gorgonia.BindDualValues(nodes...))
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		t.Fatal(err)
	}
	out := blockResult{loss: loss.Value().Data().(float64), grads: map[string][]float64{}}
	for _, name := range blockNames {
		grad := make([]float64, len(o.values[name]))
		for _, l := range o.leaves[name] {
			value, err := l.node.Grad()
			if err != nil {
				t.Fatalf("gradient of %s: %v", name, err)
			}
			data := value.Data().([]float64)
			for i := range l.rows {
				for j := range l.cols {
					grad[l.at(i, j)] += data[i*l.cols+j]
				}
			}
		}
		out.grads[name] = grad
	}
	return out
}
