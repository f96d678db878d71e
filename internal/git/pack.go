package git

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// ErrMalformed is for an answer that is not what git's protocol says.
var ErrMalformed = errors.New("malformed")

// ErrTooLarge is for a pack that holds more than is read.
var ErrTooLarge = errors.New("too large")

// Malformed is the error of what is not as it has to be.
func Malformed(what string) error { return fmt.Errorf("%s is %w", what, ErrMalformed) }

const (
	// maxObjects, maxObject and maxInflated bound what is read of one pack: a few bytes can stand for very many.
	maxObjects  = 1 << 20
	maxObject   = 64 << 20
	maxInflated = 512 << 20

	offsetDelta, nameDelta = 6, 7
)

// unpacker reads a pack (https://git-scm.com/docs/gitformat-pack). An object that is a difference waits for the one that
// it is made from, which may come later or be made from another itself.
type unpacker struct {
	data    []byte
	at      int // the byte that is read next
	room    int // how many inflated bytes may still come
	objects Objects
	known   map[int]Object // the objects by where they begin in the pack
	waiting map[any][]delta
	waits   int
}

// delta is an object that is made from another one.
type delta struct {
	start int
	data  []byte
}

// Unpack returns the objects of a pack.
func Unpack(data []byte) (Objects, error) {
	end := len(data) - sha1.Size
	if end < 12 || string(data[:4]) != "PACK" || binary.BigEndian.Uint32(data[4:]) != 2 {
		return nil, Malformed("the pack")
	}
	if sum := sha1.Sum(data[:end]); !bytes.Equal(sum[:], data[end:]) {
		return nil, Malformed("the checksum of the pack")
	}
	count := binary.BigEndian.Uint32(data[8:])
	if count > maxObjects {
		return nil, fmt.Errorf("the pack is %w: %d objects", ErrTooLarge, count)
	}
	u := &unpacker{data: data[:end], at: 12, room: maxInflated, objects: Objects{}, known: map[int]Object{}, waiting: map[any][]delta{}}
	for range count {
		if err := u.next(); err != nil {
			return nil, err
		}
	}
	if u.at != end || u.waits > 0 {
		return nil, Malformed("the pack")
	}
	return u.objects, nil
}

// next reads one object.
func (u *unpacker) next() error {
	start := u.at
	kind, size, err := u.header()
	if err != nil {
		return err
	}
	var base any // where the base begins, or its name
	switch kind {
	case offsetDelta:
		back, err := u.distance()
		if err != nil || back > start {
			return Malformed("a difference in the pack")
		}
		base = start - back
	case nameDelta:
		if u.at+sha1.Size > len(u.data) {
			return Malformed("a difference in the pack")
		}
		base = hex.EncodeToString(u.data[u.at : u.at+sha1.Size])
		u.at += sha1.Size
	}
	data, err := u.inflate(size)
	if err != nil {
		return err
	}
	if base == nil {
		return u.settle(start, Object{Kind(kind), data})
	}
	u.waits++
	u.waiting[base] = append(u.waiting[base], delta{start, data})
	if found, ok := u.found(base); ok {
		return u.wake(base, found)
	}
	return nil
}

func (u *unpacker) found(base any) (Object, bool) {
	if at, ok := base.(int); ok {
		o, found := u.known[at]
		return o, found
	}
	o, found := u.objects[base.(string)]
	return o, found
}

// settle adds an object, and all that were waiting for it.
func (u *unpacker) settle(start int, o Object) error {
	u.known[start] = o
	id := u.objects.Add(o)
	if err := u.wake(start, o); err != nil {
		return err
	}
	return u.wake(id, o)
}

// wake makes what waits for a base; what waits for that in turn is put on the same list, so that a long chain needs no
// deep stack.
func (u *unpacker) wake(base any, from Object) error {
	type ready struct {
		delta
		from Object
	}
	take := func(list []ready, base any, from Object) []ready {
		for _, d := range u.waiting[base] {
			list = append(list, ready{d, from})
		}
		delete(u.waiting, base)
		return list
	}
	list := take(nil, base, from)
	for len(list) > 0 {
		one := list[len(list)-1]
		data, err := u.apply(one.from.Data, one.data)
		if err != nil {
			return err
		}
		made := Object{from.Kind, data}
		u.waits--
		u.known[one.start] = made
		list = take(take(list[:len(list)-1], one.start, made), u.objects.Add(made), made)
	}
	return nil
}

// header reads the kind and the inflated size of an object.
func (u *unpacker) header() (kind byte, size int, err error) {
	first, err := u.byte()
	if err != nil {
		return 0, 0, err
	}
	kind, size = first>>4&7, int(first&15)
	for shift := 4; first&0x80 != 0; shift += 7 {
		if first, err = u.byte(); err != nil {
			return 0, 0, err
		}
		if shift > 32 {
			return 0, 0, fmt.Errorf("an object is %w", ErrTooLarge)
		}
		size |= int(first&0x7f) << shift
	}
	if kind == 0 || kind == 5 {
		return 0, 0, Malformed("the kind of an object")
	}
	return kind, size, nil
}

// distance reads how far before a difference its base begins.
func (u *unpacker) distance() (int, error) {
	b, err := u.byte()
	n := int(b & 0x7f)
	for err == nil && b&0x80 != 0 {
		if b, err = u.byte(); n > len(u.data) {
			return 0, Malformed("a difference in the pack")
		}
		n = (n+1)<<7 | int(b&0x7f)
	}
	return n, err
}

func (u *unpacker) byte() (byte, error) {
	if u.at >= len(u.data) {
		return 0, Malformed("the end of the pack")
	}
	u.at++
	return u.data[u.at-1], nil
}

// claim takes room for bytes before they are made.
func (u *unpacker) claim(size int) error {
	if size > maxObject || size > u.room {
		return fmt.Errorf("an object of the pack is %w: %d bytes", ErrTooLarge, size)
	}
	u.room -= size
	return nil
}

// inflate reads a compressed part that has to have the size.
func (u *unpacker) inflate(size int) ([]byte, error) {
	if err := u.claim(size); err != nil {
		return nil, err
	}
	source := bytes.NewReader(u.data[u.at:])
	z, err := zlib.NewReader(source)
	if err != nil {
		return nil, Malformed("the compression of an object")
	}
	var out bytes.Buffer // grows with what comes, not with what the header promises
	n, err := io.Copy(&out, io.LimitReader(z, int64(size)+1))
	if err != nil || n != int64(size) {
		return nil, Malformed("the compression of an object")
	}
	u.at = len(u.data) - source.Len()
	return out.Bytes(), nil
}

// apply makes an object from its base (https://git-scm.com/docs/gitformat-pack#_deltified_representation).
func (u *unpacker) apply(base, d []byte) ([]byte, error) {
	from, d, ok := length(d)
	size, d, fine := length(d)
	if !ok || !fine || from != len(base) {
		return nil, Malformed("a difference in the pack")
	}
	if err := u.claim(size); err != nil {
		return nil, err
	}
	var out []byte
	for len(d) > 0 {
		var part []byte
		if part, d, ok = instruction(base, d); !ok || len(out)+len(part) > size {
			return nil, Malformed("a difference in the pack")
		}
		out = append(out, part...)
	}
	if len(out) != size {
		return nil, Malformed("a difference in the pack")
	}
	return out, nil
}

// length reads a size at the beginning of a difference.
func length(d []byte) (n int, rest []byte, ok bool) {
	for shift := 0; shift < 35 && len(d) > 0; shift += 7 {
		b := d[0]
		n, d = n|int(b&0x7f)<<shift, d[1:]
		if b&0x80 == 0 {
			return n, d, true
		}
	}
	return 0, nil, false
}

// instruction reads one: bytes of the base, or new ones.
func instruction(base, d []byte) (part, rest []byte, ok bool) {
	op := d[0]
	d = d[1:]
	if op&0x80 == 0 {
		n := int(op)
		return d[:min(n, len(d))], d[min(n, len(d)):], n > 0 && n <= len(d)
	}
	var fields [7]byte // four of where it begins, three of how much it is
	for i := range fields {
		if op>>i&1 == 0 {
			continue
		}
		if len(d) == 0 {
			return nil, nil, false
		}
		fields[i], d = d[0], d[1:]
	}
	offset := int(binary.LittleEndian.Uint32(fields[:4]))
	size := int(fields[4]) | int(fields[5])<<8 | int(fields[6])<<16
	if size == 0 {
		size = 0x10000
	}
	if offset+size > len(base) {
		return nil, nil, false
	}
	return base[offset : offset+size], d, true
}

// compressors are zlib writers that were used before: a new one takes almost a megabyte.
var compressors = sync.Pool{New: func() any { return zlib.NewWriter(nil) }}

// Pack encodes objects, in the order of their names.
func Pack(objects Objects) ([]byte, error) {
	ids := make([]string, 0, len(objects))
	for id := range objects {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var out bytes.Buffer
	out.WriteString("PACK\x00\x00\x00\x02")
	out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(ids))))
	z := compressors.Get().(*zlib.Writer)
	defer func() {
		z.Reset(io.Discard) // and keep nothing of this pack
		compressors.Put(z)
	}()
	for _, id := range ids {
		o := objects[id]
		size := len(o.Data)
		first := byte(o.Kind)<<4 | byte(size&15)
		for size >>= 4; size > 0; size >>= 7 {
			out.WriteByte(first | 0x80)
			first = byte(size & 0x7f)
		}
		out.WriteByte(first)
		z.Reset(&out)
		if _, err := z.Write(o.Data); err != nil {
			return nil, err
		}
		if err := z.Close(); err != nil {
			return nil, err
		}
	}
	sum := sha1.Sum(out.Bytes())
	out.Write(sum[:])
	return out.Bytes(), nil
}
