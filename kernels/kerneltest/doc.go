// Package kerneltest holds every backend to the contract of package kernels. RunAll compares each op, forward and backward,
// with kernels/ref; BenchAll measures each op on shapes that people train with.
//
// A Case makes its tensors and issues one op through a Probe. The same case runs on the reference and on the backend under
// test; what it wrote is compared by the tolerance that the case names for each output. Around that, the Probe sees to what a
// kernel must never do: every tensor stands alone, inputs end at a page that faults, outputs are poisoned with NaN and stand
// between guard bands, inputs must be unchanged afterwards. The runner repeats each case for every variant of the op, for
// several numbers of threads (bits must be equal) and for some of its rows alone (bits must be equal).
//
// To look for the case behind a crash, set PRIMER_KERNELTEST_TRACE=1: each case is named on standard error before it runs.
package kerneltest
