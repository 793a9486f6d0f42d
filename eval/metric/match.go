package metric

import "math"

// SetF1 compares a generated set of texts with a gold set: the one-to-one matching with the largest sum of TokenF1, divided
// by max(len(generated), len(gold)), so that surplus and missing ones cost. For pairs, a text is "{instruction}
// {response}". Two empty sets agree: 1.
func SetF1(generated, gold []string) float64 {
	n := max(len(generated), len(gold))
	if n == 0 {
		return 1
	}
	score := make([][]float64, n) // square: surplus rows and columns score 0
	for i := range score {
		score[i] = make([]float64, n)
		for j := range score[i] {
			if i < len(generated) && j < len(gold) {
				score[i][j] = TokenF1(generated[i], gold[j])
			}
		}
	}
	sum := 0.0
	for i, j := range assign(score) {
		sum += score[i][j]
	}
	return sum / float64(n)
}

// assign returns, for each row of a square matrix, the column of the assignment with the largest sum: the Hungarian method
// with potentials, O(n³) (Kuhn 1955, in the shortest-augmenting-path form).
func assign(score [][]float64) []int {
	n := len(score)
	rowPot, colPot := make([]float64, n+1), make([]float64, n+1)
	rowOf, way := make([]int, n+1), make([]int, n+1) // 1-based; 0 = free
	for i := 1; i <= n; i++ {
		rowOf[0] = i
		col := 0
		slack, used := make([]float64, n+1), make([]bool, n+1)
		for j := range slack {
			slack[j] = math.Inf(1)
		}
		for rowOf[col] != 0 {
			used[col] = true
			row, delta, next := rowOf[col], math.Inf(1), 0
			for j := 1; j <= n; j++ {
				if used[j] {
					continue
				}
				if cost := -score[row-1][j-1] - rowPot[row] - colPot[j]; cost < slack[j] {
					slack[j], way[j] = cost, col
				}
				if slack[j] < delta {
					delta, next = slack[j], j
				}
			}
			for j := 0; j <= n; j++ {
				if used[j] {
					rowPot[rowOf[j]] += delta
					colPot[j] -= delta
				} else {
					slack[j] -= delta
				}
			}
			col = next
		}
		for col != 0 {
			rowOf[col] = rowOf[way[col]]
			col = way[col]
		}
	}
	out := make([]int, n)
	for j := 1; j <= n; j++ {
		out[rowOf[j]-1] = j - 1
	}
	return out
}
