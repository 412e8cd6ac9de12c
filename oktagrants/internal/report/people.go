package report

import (
	"encoding/binary"
	"hash/maphash"
)

// A person is what the rows of tokens say of their user.
type person struct{ id, login, name, status string }

// people keeps the users who have tokens while the tasks stream by. All stand in one text: a million of them take half
// the memory that strings in a map would.
type people struct {
	seed   maphash.Seed
	places map[uint64]int // of a person in text, by the hash of the ID; 0: not met
	text   []byte
}

func newPeople() *people {
	return &people{seed: maphash.MakeSeed(), places: map[uint64]int{}, text: []byte{0}}
}

// want says that a user will be asked for.
func (p *people) want(id string) { p.places[maphash.String(p.seed, id)] = 0 }

// meet keeps a user who is wanted.
func (p *people) meet(who person) {
	hash := maphash.String(p.seed, who.id)
	if _, wanted := p.places[hash]; !wanted {
		return
	}
	p.places[hash] = len(p.text)
	for _, s := range []string{who.id, who.login, who.name, who.status} {
		p.text = append(binary.AppendUvarint(p.text, uint64(len(s))), s...)
	}
}

// find returns a user; one who was not met has an ID only.
func (p *people) find(id string) person {
	rest := p.text[p.places[maphash.String(p.seed, id)]:]
	next := func() string {
		length, digits := binary.Uvarint(rest)
		s := string(rest[digits:][:length])
		rest = rest[digits:][length:]
		return s
	}
	if id == "" || next() != id {
		return person{id: id}
	}
	return person{id, next(), next(), next()}
}
