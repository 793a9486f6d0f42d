package datasets

import (
	"encoding/json"
	"errors"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

// mrqaOr reads MRQA 2019's form of a dataset where the first file has it, and the dataset's
// own otherwise.
func mrqaOr(subset string, own func(*conversion) error) func(*conversion) error {
	return func(c *conversion) error {
		for rec, err := range records.Read(c.files[0], squadTop, nil) {
			if errors.Is(err, data.ErrBroken) {
				continue
			}
			if err != nil {
				return err
			}
			var members map[string]json.RawMessage
			if json.Unmarshal(rec.JSON, &members) == nil && (members["header"] != nil || members["detected_answers"] != nil) {
				return squadRules{subset: subset}.convert(c)
			}
			break
		}
		return own(c)
	}
}
