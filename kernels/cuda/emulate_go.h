// The emulator as Go sees it.
#ifndef PRIMER_EMULATE_GO
#define PRIMER_EMULATE_GO

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// Runs a kernel to its end. 0, or not and text has the reason.
int primer_emulate(const char *kernel, const unsigned *grid, const unsigned *block, size_t shared, const void *args, size_t args_size, char *text, size_t text_size);
void primer_emulate_seed(unsigned long long seed);
// The name of kernel i, the file that it is of, and how often it was launched; NULL after the last.
const char *primer_emulate_kernel(int i, const char **file, unsigned long long *launches);

#ifdef __cplusplus
}
#endif

#endif
