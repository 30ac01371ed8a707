package nodes

import "encoding/json"

// The heads that are JSON. Unknown fields are ignored, so that fields can be added.

// beat says that a node is there, and what of it others should know.
type beat struct {
	// At is the time by the node's clock, in nanoseconds since 1970.
	At int64 `json:"at"`
	// Distance is how long it takes from the node to the servers and back, in nanoseconds.
	Distance int64       `json:"distance,omitempty"`
	Groups   []beatGroup `json:"groups,omitempty"`
	Heard    []beatHeard `json:"heard,omitempty"`
}

// beatGroup is a group that the node is a member of.
type beatGroup struct {
	Name string `json:"name"`
	// Last is the number of the last message that went through this connection.
	Last uint64 `json:"last"`
	// Base and Age are those of say.
	Base uint64 `json:"base"`
	Age  uint32 `json:"age"`
	// State is what Member.State said. It comes with HasState: when it has changed, and from
	// time to time.
	State    []byte `json:"state,omitempty"`
	HasState bool   `json:"has_state,omitempty"`
}

// beatHeard is the last beat that the node heard of another.
type beatHeard struct {
	Node   string `json:"node"`
	Epoch  int64  `json:"epoch"`
	Number uint64 `json:"number"`
	// Held is the time from hearing that beat to sending this one, in nanoseconds.
	Held int64 `json:"held"`
	// Silence is how long that one may say nothing before this one gives it up, in nanoseconds.
	Silence int64 `json:"silence,omitempty"`
}

// repair asks for the messages From to To of a publisher.
type repair struct {
	Group string `json:"group"`
	Node  string `json:"node"`
	Epoch int64  `json:"epoch"`
	From  uint64 `json:"from"`
	To    uint64 `json:"to"`
}

// repaired follows the messages that a repair has brought.
type repaired struct {
	Request uint64 `json:"request"` // number of the repair's frame
	Group   string `json:"group"`
	Node    string `json:"node"` // the publisher
	// Next is the first message that the node holds in the range asked for, or 0.
	Next uint64 `json:"next"`
}

// question is for a topic of a node, or for the member of a group.
type question struct {
	ID    uint64 `json:"id"`
	Topic string `json:"topic,omitempty"`
	Group string `json:"group,omitempty"`
	// Within is for how long the answer is of use, in milliseconds; 0: not known.
	Within int64 `json:"within,omitempty"`
}

// answer is to the question with this ID. An answer that is larger than the body is pulled.
type answer struct {
	ID       uint64 `json:"id"`
	Size     int    `json:"size"`
	NotFound bool   `json:"not_found,omitempty"`
	Err      string `json:"error,omitempty"`
}

// chunk is a part of the answer to the question with this ID.
type chunk struct {
	ID    uint64 `json:"id"`
	Index int    `json:"index"`
	// Try counts the pulls of this chunk: the second goes another way.
	Try int `json:"try,omitempty"`
}

// head encodes one of these. None of them can fail to.
func head(of any) []byte {
	b, err := json.Marshal(of)
	if err != nil {
		panic(err)
	}
	return b
}

// decodeHead reads one of these. Errors: errMalformed.
func decodeHead[T any](f frame) (T, error) {
	var t T
	if err := json.Unmarshal(f.head, &t); err != nil {
		return t, errMalformed
	}
	return t, nil
}
