package oktatest

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// listKey names one of the lists that the API pages through, such as the grants of a user and a client. The zero key
// is the list of all.
type listKey struct{ user, server, client, app, group string }

// item is a member of a collection. Sequence numbers grow in the order of creation and are never used twice, so a
// cursor that holds one stays valid when items are removed.
type item[T any] struct {
	seq     int
	id      string
	value   T
	removed bool
}

// itemList is a list of items, oldest first. Removed items stay in it until they are half of it, so that removing one
// from a long list is cheap.
type itemList[T any] struct {
	items   []*item[T]
	removed int
}

// collection holds the items of one kind, by ID and in the lists that they are members of.
type collection[T any] struct {
	kind    string
	prefix  string
	keys    func(T) []listKey
	lastSeq int
	byID    map[string]*item[T]
	lists   map[listKey]*itemList[T]
}

func newCollection[T any](kind, prefix string, keys func(T) []listKey) *collection[T] {
	return &collection[T]{
		kind:   kind,
		prefix: prefix,
		keys:   keys,
		byID:   map[string]*item[T]{},
		lists:  map[listKey]*itemList[T]{},
	}
}

func inNoList[T any](T) []listKey { return nil }

func inOneList[T any](T) []listKey { return []listKey{{}} }

// freeID returns the ID for a new item: id itself or, when it is empty, one that no item has.
func (c *collection[T]) freeID(id string) string {
	if c.has(id) {
		mistake("the %s ID %q is taken", c.kind, id)
	}
	for n := c.lastSeq + 1; id == "" || c.has(id); n++ {
		id = fmt.Sprintf("%s%017d", c.prefix, n)
	}
	return id
}

func (c *collection[T]) has(id string) bool {
	_, ok := c.byID[id]
	return ok
}

// get returns the value with an ID, and the zero value when there is none.
func (c *collection[T]) get(id string) T {
	if found, ok := c.byID[id]; ok {
		return found.value
	}
	var none T
	return none
}

// require panics unless an item has the ID.
func (c *collection[T]) require(id string) {
	if !c.has(id) {
		mistake("there is no %s with the ID %q", c.kind, id)
	}
}

func (c *collection[T]) add(id string, value T) {
	c.lastSeq++
	added := &item[T]{seq: c.lastSeq, id: id, value: value}
	c.byID[id] = added
	for _, key := range c.keys(value) {
		list, ok := c.lists[key]
		if !ok {
			list = &itemList[T]{}
			c.lists[key] = list
		}
		list.items = append(list.items, added)
	}
}

// replace changes the value of an item. The new value belongs in the same lists.
func (c *collection[T]) replace(id string, value T) { c.byID[id].value = value }

func (c *collection[T]) remove(id string) {
	removed := c.byID[id]
	removed.removed = true
	delete(c.byID, id)
	for _, key := range c.keys(removed.value) {
		c.lists[key].removed++
		c.compact(key)
	}
}

// compact takes the removed items out of a list when they are half of it.
func (c *collection[T]) compact(key listKey) {
	list := c.lists[key]
	if 2*list.removed < len(list.items) {
		return
	}
	list.items = slices.DeleteFunc(list.items, func(i *item[T]) bool { return i.removed })
	list.removed = 0
	if len(list.items) == 0 {
		delete(c.lists, key)
	}
}

// removeList removes all items of one list, from the other lists too.
func (c *collection[T]) removeList(key listKey) {
	for _, item := range slices.Collect(c.after(key, 0)) {
		c.remove(item.id)
	}
}

// any reports whether a list has an item.
func (c *collection[T]) any(key listKey) bool {
	_, ok := c.lists[key] // A list of removed items only is deleted.
	return ok
}

// after returns the items of a list that follow a sequence number.
func (c *collection[T]) after(key listKey, seq int) iter.Seq[*item[T]] {
	return func(yield func(*item[T]) bool) {
		list, ok := c.lists[key]
		if !ok {
			return
		}
		at, _ := slices.BinarySearchFunc(list.items, seq+1, bySeq)
		for _, item := range list.items[at:] {
			if !item.removed && !yield(item) {
				return
			}
		}
	}
}

// all returns copies of the values, oldest first.
func (c *collection[T]) all() []T {
	items := slices.SortedFunc(maps.Values(c.byID), func(a, b *item[T]) int { return cmp.Compare(a.seq, b.seq) })
	values := make([]T, len(items))
	for i, item := range items {
		values[i] = item.value
	}
	return values
}

func bySeq[T any](i *item[T], seq int) int { return cmp.Compare(i.seq, seq) }
