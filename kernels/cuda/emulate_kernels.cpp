//go:build cuda && emulator

// Every .cu of the folder, each in a namespace of its own. cgo does not track .cu and .cuh: they are embedded (emulate_sources.go),
// which makes them inputs of the package's build, so that a change is compiled.

#include "prims.cuh"

// The bounds of all shared variables: subsection 0 of their section stands between.
asm(R"(
	.section .noinit,"aw",@nobits
	.balign 128
	.globl primer_shared_begin
	.hidden primer_shared_begin
primer_shared_begin:
	.subsection 8191
	.globl primer_shared_end
	.hidden primer_shared_end
primer_shared_end:
	.text
)");

// What several of them include comes first: its guard would leave it in the namespace of one.
#include "elements.cuh"
#include "attention.cuh"
#include "logsum.cuh"
#include "packets.cuh"
#include "select.cuh"

#include "paged.cuh"
#include "paged_tile.cuh"
#include "paged_products.cuh"
#include "paged_blocks.cuh"

namespace attention_cu {
#include "attention.cu"
}
namespace attention_backward_cu {
#include "attention_backward.cu"
}
namespace attention_plain_cu {
#include "attention_plain.cu"
}
namespace copy_cu {
#include "copy.cu"
}
namespace crossentropy_cu {
#include "crossentropy.cu"
}
namespace dropout_cu {
#include "dropout.cu"
}
namespace embed_cu {
#include "embed.cu"
}
namespace glu_cu {
#include "glu.cu"
}
namespace linear_cu {
#include "linear.cu"
}
namespace optimizer_cu {
#include "optimizer.cu"
}
namespace paged_cu {
#include "paged.cu"
}
namespace rmsnorm_cu {
#include "rmsnorm.cu"
}
namespace rope_cu {
#include "rope.cu"
}
namespace sample_cu {
#include "sample.cu"
}
namespace sum_cu {
#include "sum.cu"
}
namespace planted {
#include "testdata/planted.cu"
}
