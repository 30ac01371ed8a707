package channel

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
)

// objects counts who needs the channel's objects in the store: the core, as long
// as it may still put them into a slot, and the slots that hold them. What nobody
// needs is deleted.
type objects struct {
	store  store.Store
	prefix string
	// later is told which objects are to be deleted. It is guarded by Channel.mu, which whoever
	// releases objects holds.
	later    *unfinished
	run      string // of this process, so that keys are never used twice
	next     atomic.Uint64
	held     atomic.Int64 // bytes of all of byKey
	supplies supplies

	mu    sync.Mutex
	byKey map[string]*object
	// elsewhere: another node may have what this one has not.
	elsewhere bool
	// pending are the bytes of objects that the core may still put into a slot, by input.
	pending map[string]int64
	// stored are the objects from before the restart with their sizes, until they have been
	// taken over.
	stored map[string]int64
}

// object is one media object in the store.
type object struct {
	key   string
	size  int64
	users int
	// pending is the input whose object it is, as long as the core may still put it into a
	// slot.
	pending string
	// contentType is empty if it is not known to be media.
	contentType string
	// info and init (of fragmented MP4) are set as long as the core may put the object into
	// a slot.
	info *media.Info
	init *initSection
}

func newObjects(st store.Store, channel string) *objects {
	return &objects{
		store: st, prefix: channel + "/", byKey: map[string]*object{}, pending: map[string]int64{},
		run: strconv.FormatInt(time.Now().UnixNano(), 36), supplies: newSupplies(),
	}
}

// key makes the key of a new object.
func (o *objects) key(input string) string {
	return fmt.Sprintf("%s%s/%s-%d", o.prefix, input, o.run, o.next.Add(1))
}

// add records an object with one user.
func (o *objects) add(key string, size int64) *object {
	o.mu.Lock()
	defer o.mu.Unlock()
	ob := &object{key: key, size: size, users: 1}
	o.byKey[key] = ob
	o.held.Add(size + perObject)
	return ob
}

// receive records an object that an input has delivered, here or at another node, with one
// more user: slots of other nodes may have named it before it came.
func (o *objects) receive(input, key string, size int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ob := o.byKey[key]
	if ob == nil {
		ob = &object{key: key}
		o.byKey[key] = ob
		o.held.Add(perObject)
	}
	o.held.Add(size - ob.size)
	ob.size = size
	ob.users++
	if ob.pending == "" {
		ob.pending = input
		o.pending[input] += size + perObject
	}
}

// leave takes the object out of what is pending. mu is held.
func (o *objects) leave(ob *object) {
	if ob.pending == "" {
		return
	}
	if o.pending[ob.pending] -= ob.size + perObject; o.pending[ob.pending] == 0 {
		delete(o.pending, ob.pending)
	}
	ob.pending = ""
}

// describe says what the object turned out to be.
func (o *objects) describe(key string, info *media.Info, init *initSection) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ob := o.byKey[key]
	if ob == nil {
		return
	}
	ob.info = info
	ob.contentType, _ = info.FileType()
	if init == nil {
		return
	}
	// The encoder may replace its initialization section before the object is
	// used.
	if section := o.byKey[init.part.Key]; section != nil {
		section.users++
		ob.init = init
	}
}

// settle ends the core's use: it will not put the object into any more slots. Slots may
// hold it for days, but all that is needed from now on is its bytes.
func (o *objects) settle(key string) {
	o.mu.Lock()
	var init *initSection
	if ob := o.byKey[key]; ob != nil {
		init = ob.init
		ob.info, ob.init = nil, nil
		o.leave(ob)
	}
	o.mu.Unlock()
	if init != nil {
		o.release(init.part.Key)
	}
	o.release(key)
}

// file returns what one has to know about an object to serve it.
func (o *objects) file(key string) (size int64, contentType string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ob := o.byKey[key]
	if ob == nil {
		return 0, "", false
	}
	return ob.size, ob.contentType, true
}

// get returns the object, nil if it is gone.
func (o *objects) get(key string) *object {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.byKey[key]
}

// use adds a user. It returns nil if the object is gone.
func (o *objects) use(key string) *object {
	o.mu.Lock()
	defer o.mu.Unlock()
	ob := o.byKey[key]
	if ob != nil {
		ob.users++
	}
	return ob
}

// adopt adds a user to an object, which may be one from before the restart. It reports
// whether the store has it, with as many bytes as are needed: where the power failed, a file may be
// shorter than what was acknowledged.
func (o *objects) adopt(key string, needed int64) bool {
	if o.use(key) != nil {
		return true
	}
	size, ok := o.stored[key]
	if ok && size < needed {
		_ = o.store.Delete(context.Background(), key) // another node may have it whole
		delete(o.stored, key)
		ok = false
	}
	if ok || o.elsewhere {
		o.add(key, size)
	}
	return ok || o.elsewhere
}

// takeStock lists what is in the store from before the restart.
func (o *objects) takeStock(ctx context.Context) error {
	o.stored = map[string]int64{}
	return o.store.List(ctx, o.prefix, func(key string, size int64) error {
		o.stored[key] = size
		return nil
	})
}

// release removes a user, and has the object deleted with the last one.
func (o *objects) release(key string) {
	if o.unuse(key) {
		o.later.delete(key)
	}
}

// unuse removes a user, and reports whether that was the last one.
func (o *objects) unuse(key string) (last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ob := o.byKey[key]
	if ob == nil {
		return false
	}
	if ob.users--; ob.users > 0 {
		return false
	}
	delete(o.byKey, key)
	o.leave(ob)
	o.held.Add(-ob.size - perObject)
	return true
}

// releaseSlots removes the use that slots make of their objects.
func (o *objects) releaseSlots(slots []*output.Slot) {
	for _, s := range slots {
		for i := range s.Renditions {
			for _, key := range s.Renditions[i].Keys() {
				o.release(key)
			}
		}
	}
}

// delete deletes an object that nobody used when it was let go, unless one came under the same key since. What
// can't be deleted now is found as an orphan at the next start.
func (o *objects) delete(key string) {
	if o.get(key) == nil {
		_ = o.store.Delete(context.Background(), key)
	}
}

// drop has all objects deleted, whoever uses them.
func (o *objects) drop() {
	o.mu.Lock()
	keys := slices.Collect(maps.Keys(o.byKey))
	o.byKey, o.pending = map[string]*object{}, map[string]int64{}
	o.held.Store(0)
	o.mu.Unlock()
	for _, key := range keys {
		o.later.delete(key)
	}
}

// dropOrphans deletes what is left from before the restart and not mentioned by any slot.
func (o *objects) dropOrphans(ctx context.Context) error {
	for key := range o.stored {
		if o.get(key) != nil {
			continue
		}
		if err := o.store.Delete(ctx, key); err != nil {
			return fmt.Errorf("delete orphan: %w", err)
		}
	}
	o.stored = nil
	return nil
}
