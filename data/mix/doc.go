// Package mix draws units (texts as tokens) from several sources in proportion,
// in a seeded order that never needs a list in memory, and packs them into
// training batches.
//
// A lane is one source with its share. At every draw the lane that is furthest
// behind its share gives its next unit, so that proportions hold within one unit
// at any moment, not just in the end. Within a lane the order of pass e is a keyed
// permutation of unit numbers (a Feistel network with cycle walking): every unit
// once per pass, computed one index at a time. All of it is a function of (sources,
// options, seed), and a position is a few integers: State.
//
// Packed rows (Stream.Next): units laid end to end and cut into rows of fixed
// length, units spanning rows as in GPT-3; row r holds tokens [r·L, (r+1)·L) of
// the stream and its targets are the same range shifted by one. A unit much longer
// than a row may wait at a row's end until the other lanes have caught up (maxLead);
// the row's last target is then still the unit's own next token. Ragged batches
// (Stream.NextRagged): whole units, each its own document, up to a number of tokens.
//
// A Spec is a mixture as a file; Recipes are the paper's mixtures as such files, to be copied beside one's own folders.
package mix
