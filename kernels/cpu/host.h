// What the host side of the backend needs from C besides the team: the processor's features and memory outside Go's heap.
#ifndef PRIMER_HOST_H
#define PRIMER_HOST_H

#include <stddef.h>

// Instruction sets with kernels of their own, each a superset of the one before.
enum { ISA_GENERIC, ISA_AVX2, ISA_AVX512, ISA_AVX512BF16, ISA_COUNT };

// host_isa returns the best instruction set that the processor has and the operating system saves.
int host_isa(void);

// host_alloc returns zeroed memory, aligned to 64 bytes (2 MiB and with huge pages advised when large); NULL when there is
// none. Under AddressSanitizer the bytes between size and the end of the mapping are poisoned.
void *host_alloc(size_t size);
// host_free gives memory of host_alloc back.
void host_free(void *addr, size_t size);

#endif
