package channel

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// What nodes tell each other about a channel that they run together.

// messageFormat is the version of what nodes say. A node understands its own and earlier
// ones; what a later one says in another way it can't follow, and it says so.
const messageFormat = 1

// message is what a node says to all others. One of the fields after Format is set, with what belongs to it.
type message struct {
	Format int `json:"format"`
	// Upload is what an encoder has delivered to the node.
	Upload *uploadMessage `json:"upload,omitempty"`
	// Unsound is media that the node refused.
	Unsound *unsoundMessage `json:"unsound,omitempty"`
	// Begun is an upload that replaces an initialization section, and has begun.
	Begun *begunMessage `json:"begun,omitempty"`
	// Held is the key of an object that the node has fetched: it is safe now.
	Held string `json:"held,omitempty"`
	// Deleted is what an encoder took back.
	Deleted *deletedMessage `json:"deleted,omitempty"`
	// Leaving: the node is about to stop.
	Leaving bool `json:"leaving,omitempty"`
	// Order is what an operator ordered, and Ordered when, by the clock of the node that was told.
	Order   *failover.Order `json:"order,omitempty"`
	Ordered time.Time       `json:"ordered,omitzero"`
	// Break is where histories have met that don't continue each other.
	Break *breakMessage `json:"break,omitempty"`
	// Pass is that another node decides from now on, or this one in place of one that is gone.
	Pass *passMessage `json:"pass,omitempty"`
	// Record is what an endpoint goes on with.
	Record *endpointRecord `json:"record,omitempty"`
}

// uploadMessage is an upload: a text, or an object that can be fetched.
type uploadMessage struct {
	Input string `json:"input"`
	Path  string `json:"path"`
	Text  []byte `json:"text,omitempty"`
	// Packed: the text is compressed (gzip).
	Packed bool   `json:"packed,omitempty"`
	Key    string `json:"key,omitempty"`
	Size   int64  `json:"size,omitempty"`
	Hash   string `json:"hash,omitempty"`
}

type unsoundMessage struct {
	Input string          `json:"input"`
	Path  string          `json:"path"`
	Fault failover.Reason `json:"fault"`
}

type deletedMessage struct {
	Input string `json:"input"`
	Path  string `json:"path"`
}

// breakMessage asks whoever decides next to begin a discontinuity with at least this number, and a
// slot with at least this media sequence number: the viewers of a node that went over to another
// history have seen those before.
type breakMessage struct {
	Endpoint string `json:"endpoint"`
	Number   uint64 `json:"number"`
	MSN      uint64 `json:"msn,omitempty"`
}

// passMessage leaves what comes after a record to a node, and to no other run of it. A node may take it upon
// itself.
type passMessage struct {
	Endpoint string `json:"endpoint"`
	After    string `json:"after"` // ID of the record's link
	Node     string `json:"node"`
	Writer   string `json:"writer"`
}

// endpointRecord is a record of an endpoint's journal on its way to another node.
type endpointRecord struct {
	Endpoint string `json:"endpoint"`
	Record   record `json:"record"`
}

func (m message) encode() []byte {
	m.Format = messageFormat
	text, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("message of a node: %v", err)) // all of its types can be encoded
	}
	return text
}

func decodeMessage(text []byte) (message, error) {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("decode message: %w", err)
	}
	if m.Format > messageFormat {
		return m, fmt.Errorf("message of format %d, and this node understands %d: it has to be upgraded", m.Format, messageFormat)
	}
	return m, nil
}

// question is what a node asks another one.
type question struct {
	Format int `json:"format"`
	// Records asks for what an endpoint's journal holds after a link.
	Records *recordsQuestion `json:"records,omitempty"`
	// Journal asks for one of the channel's journals, of which there is one on each node.
	Journal *journalQuestion `json:"journal,omitempty"`
	// Verdict asks which of two histories holds, Written what the journal of all nodes has.
	Verdict *verdictQuestion `json:"verdict,omitempty"`
	Written *writtenQuestion `json:"written,omitempty"`
}

type recordsQuestion struct {
	Endpoint string `json:"endpoint"`
	// After is the number of the last link that is known.
	After uint64 `json:"after"`
}

type journalQuestion struct {
	// Name is its name below the channel's, After the revision at the node that is asked.
	Name  string `json:"name"`
	After uint64 `json:"after"`
	// Has, instead of After, is the link of the last record that the node which asks has: if
	// the journal has it too, the answer begins after it, and else with the first record. From is the
	// number of the first record that it has: what is before that is of no use to it, unless it is most.
	Has  *link  `json:"has,omitempty"`
	From uint64 `json:"from,omitempty"`
}

// verdictQuestion is where the history of the node that asks and that of the one which is asked
// part: their first records that differ, which have the same number.
type verdictQuestion struct {
	Endpoint string `json:"endpoint"`
	Mine     link   `json:"mine"`
	Yours    link   `json:"yours"`
}

// verdictAnswer says whether the history of the node that is asked holds. If it does not, that
// node goes over to the other one.
type verdictAnswer struct {
	Yours bool `json:"yours"`
}

// writtenQuestion asks for the record of this number in the journal of all nodes.
type writtenQuestion struct {
	Endpoint string `json:"endpoint"`
	Number   uint64 `json:"number"`
}

// writtenAnswer is the ID of its link; empty if there is none, as far as the node knows.
type writtenAnswer struct {
	ID string `json:"id,omitempty"`
}

// recordsAnswer is a stretch of an endpoint's journal. More says that it goes on.
type recordsAnswer struct {
	Records []record `json:"records"`
	More    bool     `json:"more,omitempty"`
}

type journalAnswer struct {
	Records [][]byte `json:"records"`
	// Continues: they come after Has.
	Continues bool   `json:"continues,omitempty"`
	Last      uint64 `json:"last"` // the revision of the last one
	More      bool   `json:"more,omitempty"`
	// First is the number of the oldest slot that the node still has, where that is an endpoint's journal,
	// which may remember older ones.
	First uint64 `json:"first,omitempty"`
}

// answerSize is where a long answer is cut, in bytes.
const answerSize = 4 << 20

// nodeState is what a node says of itself several times a second.
type nodeState struct {
	Format int `json:"format"`
	// Records is the newest version of records that the node reads; 0 is the first.
	Records int `json:"records,omitempty"`
	// Ready: it has taken over what the others had, and answers viewers.
	Ready bool `json:"ready"`
	// Writer stands for this run of the node, see link.
	Writer string `json:"writer,omitempty"`
	// Endpoints are where its endpoints stand.
	Endpoints map[string]endpointState `json:"endpoints,omitempty"`
	// Hears are the inputs that encoders send to this node, now.
	Hears []string `json:"hears,omitempty"`
	// Hearing is for how long there has been such an input without a break.
	Hearing time.Duration `json:"hearing,omitempty"`
}

// apart is how many slots the node lists that are not of the history of their endpoint.
func (s nodeState) apart() (slots int) {
	for _, e := range s.Endpoints {
		slots += e.Apart
	}
	return slots
}

type endpointState struct {
	Link link `json:"link"`
	viewed
	// Seen is where viewers of other nodes are, as far as this one knows, if that is farther.
	Seen *viewed `json:"seen,omitempty"`
	// Apart is how many slots in the window are not those of the history: they were published
	// before the node went over to it.
	Apart int `json:"apart,omitempty"`
}
