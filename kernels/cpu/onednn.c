//go:build onednn

// oneDNN as the peer in benchmarks, and nowhere else.
#include "onednn.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>

struct peer_product {
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	dnnl_primitive_t matmul;
	dnnl_memory_t a, b, c, packed_b;
	dnnl_primitive_t reorder;
};

static dnnl_memory_desc_t matrix(int64_t rows, int64_t cols, int type, int transposed) {
	dnnl_memory_desc_t d;
	dnnl_dims_t dims = {rows, cols};
	dnnl_memory_desc_init_by_tag(&d, 2, dims, type == 1 ? dnnl_f32 : dnnl_bf16, transposed ? dnnl_ba : dnnl_ab);
	return d;
}

peer_product *peer_open(int64_t m, int64_t n, int64_t k, int type, int a_transposed, int b_transposed, int c_type, int accumulate, int packed) {
	peer_product *p = calloc(1, sizeof *p);
	dnnl_engine_create(&p->engine, dnnl_cpu, 0);
	dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags);
	dnnl_memory_desc_t a = matrix(m, k, type, a_transposed), b = matrix(k, n, type, b_transposed), c = matrix(m, n, c_type, 0), any = b;
	if (packed) {
		dnnl_dims_t dims = {k, n};
		dnnl_memory_desc_init_by_tag(&any, 2, dims, type == 1 ? dnnl_f32 : dnnl_bf16, dnnl_format_tag_any);
	}
	dnnl_matmul_desc_t d;
	dnnl_matmul_desc_init(&d, &a, &any, NULL, &c);
	dnnl_primitive_attr_t attr;
	dnnl_primitive_attr_create(&attr);
	if (accumulate) {
		dnnl_post_ops_t ops;
		dnnl_post_ops_create(&ops);
		dnnl_post_ops_append_sum(ops, 1.0f);
		dnnl_primitive_attr_set_post_ops(attr, ops);
		dnnl_post_ops_destroy(ops);
	}
	dnnl_primitive_desc_t pd;
	if (dnnl_primitive_desc_create(&pd, &d, attr, p->engine, NULL) != dnnl_success) {
		free(p);
		return NULL;
	}
	dnnl_primitive_create(&p->matmul, pd);
	dnnl_memory_create(&p->a, &a, p->engine, DNNL_MEMORY_NONE);
	dnnl_memory_create(&p->b, &b, p->engine, DNNL_MEMORY_NONE);
	dnnl_memory_create(&p->c, &c, p->engine, DNNL_MEMORY_NONE);
	if (packed) dnnl_memory_create(&p->packed_b, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0), p->engine, DNNL_MEMORY_ALLOCATE);
	if (packed) {
		dnnl_primitive_desc_t rd;
		dnnl_reorder_primitive_desc_create(&rd, &b, p->engine, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0), p->engine, NULL);
		dnnl_primitive_create(&p->reorder, rd);
		dnnl_primitive_desc_destroy(rd);
	}
	dnnl_primitive_desc_destroy(pd);
	dnnl_primitive_attr_destroy(attr);
	return p;
}

void peer_bind(peer_product *p, void *a, void *b, void *c) {
	dnnl_memory_set_data_handle(p->a, a);
	dnnl_memory_set_data_handle(p->b, b);
	dnnl_memory_set_data_handle(p->c, c);
	if (!p->reorder) return;
	dnnl_exec_arg_t move[] = {{DNNL_ARG_FROM, p->b}, {DNNL_ARG_TO, p->packed_b}};
	dnnl_primitive_execute(p->reorder, p->stream, 2, move);
	dnnl_stream_wait(p->stream);
}

void peer_run(peer_product *p, int n) {
	dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, p->a}, {DNNL_ARG_WEIGHTS, p->packed_b ? p->packed_b : p->b}, {DNNL_ARG_DST, p->c}};
	for (int i = 0; i < n; i++) dnnl_primitive_execute(p->matmul, p->stream, 3, args);
	dnnl_stream_wait(p->stream);
}

void peer_close(peer_product *p) {
	dnnl_primitive_destroy(p->matmul);
	dnnl_memory_destroy(p->a);
	dnnl_memory_destroy(p->b);
	dnnl_memory_destroy(p->c);
	if (p->packed_b) dnnl_memory_destroy(p->packed_b);
	if (p->reorder) dnnl_primitive_destroy(p->reorder);
	dnnl_stream_destroy(p->stream);
	dnnl_engine_destroy(p->engine);
	free(p);
}
