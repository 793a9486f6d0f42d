// Included before every .cu: the headers that it includes are then defined once more, in its namespace (no guard here). Only
// prims.cuh is there once for all.
#undef PRIMER_ATTENTION
#undef PRIMER_ATTENTION_ONLINE
#undef PRIMER_ATTENTION_GROUP
#undef PRIMER_ATTENTION_KEYS
#undef PRIMER_ELEMENTS
#undef PRIMER_LOGSUM
#undef PRIMER_PACKETS
#undef PRIMER_PAGED
#undef PRIMER_PAGED_BLOCKS
#undef PRIMER_PAGED_PRODUCTS
#undef PRIMER_PAGED_TILE
#undef PRIMER_SELECT
#undef PRIMER_WARPGROUP
#undef PRIMER_EMULATE_WARPGROUP
