// attention_tile.h: how attention cuts documents into tiles. A tile is ATT_TILE positions of one document, counted from the
// document's start, so that a row's arithmetic depends on its own document alone.
#ifndef PRIMER_ATTENTION_TILE_H
#define PRIMER_ATTENTION_TILE_H

#include "attention.h"
#include "vec.h"

enum { ATT_TILE = 64 };
#define ATT_FOREVER ((int64_t)1 << 40) // the window of attention without a window

// tile_walk finds the tile of an index that only grows.
typedef struct {
	const int32_t *culens;
	int64_t docs, doc, before; // tiles before document doc
} tile_walk;

static inline int64_t tiles_of(const int32_t *culens, int64_t doc)
{
	return (culens[doc + 1] - (int64_t)culens[doc] + ATT_TILE - 1) / ATT_TILE;
}

// tile_find moves to the document of tile index and returns the tile's number inside it.
static inline int64_t tile_find(tile_walk *w, int64_t index)
{
	while (index - w->before >= tiles_of(w->culens, w->doc))
		w->before += tiles_of(w->culens, w->doc++);
	return index - w->before;
}

// tile_count returns the number of tiles, or -1 when culens does not describe rows rows.
static inline int64_t tile_count(const int32_t *culens, int64_t docs, int64_t rows)
{
	int64_t n = 0;
	if (culens[0] != 0 || culens[docs] != rows)
		return -1;
	for (int64_t s = 0; s < docs; s++) {
		if (culens[s + 1] < culens[s])
			return -1;
		n += tiles_of(culens, s);
	}
	return n;
}

// first_tile is the first key tile that a query tile sees through the window.
static inline int64_t first_tile(int64_t tile, int64_t window)
{
	return vec_max(0, tile * ATT_TILE - window + 1) / ATT_TILE;
}

// Scratch of a thread, cut into 64-byte aligned pieces.
static inline float *cut(char **p, int64_t floats)
{
	float *f = (float *)*p;
	*p += (floats * 4 + 63) / 64 * 64;
	return f;
}

#endif
