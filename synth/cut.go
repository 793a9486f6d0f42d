package synth

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/primer-lm/primer/data"
)

// openChain is the chain that the next text belongs to: it runs already and waits for its texts.
type openChain struct {
	texts chan outcomeText
	left  int // texts that it still takes
}

type outcomeText struct {
	doc data.Document
	err error // the source's: the chain is not whole
}

// cut reads a stream of documents and hands each text to its chain as soon as it is there. What came before an error of the
// source is finished, but for the chain that the error falls into: half a chain would be another chain.
func (s *Synthesizer) cut(ctx context.Context, docs iter.Seq2[data.Document, error], start starter) error {
	var open *openChain
	number := uint64(0)
	for piece, err := range s.pieces(docs) {
		if err != nil {
			if open != nil {
				open.texts <- outcomeText{err: err} // has room for one more than it takes
				return nil                          // told by the chain
			}
			return err
		}
		if open == nil {
			open = &openChain{make(chan outcomeText, s.opt.Rounds+1), s.opt.Rounds}
			if !start(Work{ID: piece.ID, Number: number}, waiting(ctx, open.texts)) {
				return nil
			}
		}
		open.texts <- outcomeText{doc: piece}
		number++
		if open.left--; open.left == 0 {
			close(open.texts)
			open = nil
		}
	}
	if open != nil {
		close(open.texts)
	}
	return nil
}

// waiting gives the texts of a chain as they come.
func waiting(ctx context.Context, texts <-chan outcomeText) func() (data.Document, error) {
	return func() (data.Document, error) {
		select {
		case t, open := <-texts:
			if !open {
				return t.doc, io.EOF
			}
			return t.doc, t.err
		case <-ctx.Done():
			return data.Document{}, ctx.Err()
		}
	}
}

// PieceID names piece k, from 1, of a document that was cut.
func PieceID(document string, k int) string { return fmt.Sprintf("%s#%d", document, k) }

// FirstPiece says whether a text with this name is a whole document or the first piece of one.
func FirstPiece(id string) bool {
	at := strings.LastIndexByte(id, '#')
	k, err := strconv.ParseUint(id[at+1:], 10, 32)
	return at < 0 || err != nil || k <= 1
}

// Pieces gives a document as texts that fit the window: itself, or its pieces, of which piece k of document d is d#k. Pieces
// of white space alone are left out.
func (s *Synthesizer) Pieces(doc data.Document) ([]data.Document, error) {
	texts, err := s.codec.Split(doc.Text, s.opt.Window-s.opt.MaxNewTokens)
	if err != nil {
		return nil, &TextError{doc.ID, 0, s.whyClosed(err)}
	}
	if len(texts) == 1 {
		return []data.Document{doc}, nil
	}
	var out []data.Document
	for k, text := range texts {
		if strings.TrimSpace(text) == "" {
			continue
		}
		piece := doc
		piece.ID, piece.Text = PieceID(doc.ID, k+1), text
		out = append(out, piece)
	}
	return out, nil
}

// pieces gives the pieces of all documents.
func (s *Synthesizer) pieces(docs iter.Seq2[data.Document, error]) iter.Seq2[data.Document, error] {
	return func(yield func(data.Document, error) bool) {
		for doc, err := range docs {
			if err != nil {
				yield(doc, sourceError{err})
				return
			}
			pieces, err := s.Pieces(doc)
			if err != nil {
				yield(doc, err)
				return
			}
			for _, piece := range pieces {
				if !yield(piece, nil) {
					return
				}
			}
		}
	}
}
