package git_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/git"
)

// item is one object of a pack as it is written: the number of its kind, what stands before the bytes, and the bytes.
type item struct {
	kind   byte
	size   int // of the header; -1 is that of the bytes
	before []byte
	data   []byte
}

// encode writes a pack as its parts say, with a checksum that is right.
func encode(count int, items ...item) []byte {
	var out bytes.Buffer
	out.WriteString("PACK\x00\x00\x00\x02")
	out.Write(binary.BigEndian.AppendUint32(nil, uint32(count)))
	for _, i := range items {
		size := i.size
		if size < 0 {
			size = len(i.data)
		}
		first := i.kind<<4 | byte(size&15)
		for size >>= 4; size > 0; size >>= 7 {
			out.WriteByte(first | 0x80)
			first = byte(size & 0x7f)
		}
		out.WriteByte(first)
		out.Write(i.before)
		z := zlib.NewWriter(&out)
		_, _ = z.Write(i.data)
		_ = z.Close()
	}
	sum := sha1.Sum(out.Bytes())
	return append(out.Bytes(), sum[:]...)
}

func blob(text string) item { return item{3, -1, nil, []byte(text)} }

func name(text string) []byte {
	id, _ := hex.DecodeString(git.Blob([]byte(text)).ID())
	return id
}

// insert is a difference that puts a text in the place of a base of a length.
func insert(base int, text string) []byte {
	return append([]byte{byte(base), byte(len(text)), byte(len(text))}, text...)
}

// TestUnpack has packs that are right in ways that git does not write today, and every way of being wrong.
func TestUnpack(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		data []byte
		want []string // the blobs
		err  error
	}{
		"nothing":                      {encode(0), nil, nil},
		"an empty blob":                {encode(1, blob("")), []string{""}, nil},
		"a difference before its base": {encode(2, item{7, -1, name("base"), insert(4, "new")}, blob("base")), []string{"base", "new"}, nil},
		"a chain, backwards": {encode(3, item{7, -1, name("two"), insert(3, "three")}, item{7, -1, name("one"), insert(3, "two")}, blob("one")),
			[]string{"one", "two", "three"}, nil},
		"a copy of all":              {encode(2, blob("base"), item{7, -1, name("base"), []byte{4, 8, 0x90, 4, 0x91, 0, 4}}), []string{"base", "basebase"}, nil},
		"the same twice":             {encode(2, blob("x"), blob("x")), []string{"x"}, nil},
		"fewer than it says":         {encode(2, blob("x")), nil, git.ErrMalformed},
		"more than it says":          {encode(1, blob("x"), blob("y")), nil, git.ErrMalformed},
		"a base that is missing":     {encode(1, item{7, -1, name("base"), insert(4, "new")}), nil, git.ErrMalformed},
		"a difference from itself":   {encode(1, item{6, -1, []byte{0}, insert(4, "new")}), nil, git.ErrMalformed},
		"a base before the pack":     {encode(1, item{6, -1, []byte{0xff, 0x7f}, insert(4, "new")}), nil, git.ErrMalformed},
		"a base inside an object":    {encode(2, blob("base"), item{6, -1, []byte{1}, insert(4, "new")}), nil, git.ErrMalformed},
		"a distance without end":     {encode(1, item{6, -1, bytes.Repeat([]byte{0xff}, 40), insert(4, "new")}), nil, git.ErrMalformed},
		"another length of the base": {encode(2, blob("base"), item{7, -1, name("base"), insert(5, "new")}), nil, git.ErrMalformed},
		"shorter than it says":       {encode(2, blob("base"), item{7, -1, name("base"), []byte{4, 9, 0x90, 4}}), nil, git.ErrMalformed},
		"longer than it says":        {encode(2, blob("base"), item{7, -1, name("base"), []byte{4, 2, 0x90, 4}}), nil, git.ErrMalformed},
		"a copy past the end":        {encode(2, blob("base"), item{7, -1, name("base"), []byte{4, 4, 0x91, 1, 4}}), nil, git.ErrMalformed},
		"an instruction cut off":     {encode(2, blob("base"), item{7, -1, name("base"), []byte{4, 4, 0xff}}), nil, git.ErrMalformed},
		"an instruction of nothing":  {encode(2, blob("base"), item{7, -1, name("base"), []byte{4, 4, 0}}), nil, git.ErrMalformed},
		"a difference of nothing":    {encode(2, blob("base"), item{7, -1, name("base"), nil}), nil, git.ErrMalformed},
		"a kind that is none":        {encode(1, item{5, -1, nil, []byte("x")}), nil, git.ErrMalformed},
		"no kind":                    {encode(1, item{0, -1, nil, []byte("x")}), nil, git.ErrMalformed},
		"a size too small":           {encode(1, item{3, 1, nil, []byte("xy")}), nil, git.ErrMalformed},
		"a size too large":           {encode(1, item{3, 3, nil, []byte("xy")}), nil, git.ErrMalformed},
		"an object that is enormous": {encode(1, item{3, 1 << 30, nil, []byte("x")}), nil, git.ErrTooLarge},
		"a size of many digits":      {encode(1, item{3, 1 << 50, nil, []byte("x")}), nil, git.ErrTooLarge},
		"a difference to a huge one": {encode(2, blob("base"), item{7, -1, name("base"), []byte{4, 0x80, 0x80, 0x80, 0x80, 1}}), nil, git.ErrTooLarge},
		"more objects than are read": {encode(1 << 30), nil, git.ErrTooLarge},
		"no pack":                    {[]byte("<html>this is a page and no pack at all</html>"), nil, git.ErrMalformed},
		"another version":            {bytes.Replace(encode(1, blob("x")), []byte{0, 0, 0, 2}, []byte{0, 0, 0, 9}, 1), nil, git.ErrMalformed},
		"another checksum":           {append(encode(1, blob("x")), 0), nil, git.ErrMalformed},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			objects, err := git.Unpack(c.data)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("the error is %v, want %v", err, c.err)
			}
			want := git.Objects{}
			for _, text := range c.want {
				want.Add(git.Blob([]byte(text)))
			}
			if c.err == nil && !cmp.Equal(want, objects) {
				t.Error(cmp.Diff(want, objects))
			}
		})
	}
}

// TestUnpackBomb is bounded by what it holds, not by its size: a hundred objects of almost the bound each.
func TestUnpackBomb(t *testing.T) {
	t.Parallel()
	zeros := make([]byte, 60<<20)
	items := []item{{3, -1, nil, zeros}}
	same := binary.AppendUvarint(nil, uint64(len(zeros)))
	same = append(same, same...)
	for range len(zeros) / 0xffffff {
		same = append(same, 0xf0, 0xff, 0xff, 0xff)
	}
	id, _ := hex.DecodeString(git.Blob(zeros).ID())
	for range 100 {
		items = append(items, item{7, -1, id, same})
	}
	began := time.Now()
	if _, err := git.Unpack(encode(len(items), items...)); !errors.Is(err, git.ErrTooLarge) && !errors.Is(err, git.ErrMalformed) {
		t.Errorf("the error is %v after %v", err, time.Since(began))
	}
}

// TestTreeBomb is a tree of sixty folders in which each holds the next one twice.
func TestTreeBomb(t *testing.T) {
	t.Parallel()
	objects := git.Objects{}
	id := objects.Add(git.Blob(nil))
	entry := git.Entry{Mode: "100644", ID: id}
	for range 60 {
		id = objects.Add(git.Tree{"a": entry, "b": entry}.Object())
		entry = git.Entry{Mode: "40000", ID: id}
	}
	if _, err := objects.Files(id); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("the error is %v", err)
	}
	for range 10 {
		id = objects.Add(git.Tree{"a": entry}.Object())
		entry = git.Entry{Mode: "40000", ID: id}
	}
	if _, err := objects.Files(id); err == nil || !strings.Contains(err.Error(), "too deep") {
		t.Errorf("the error is %v", err)
	}
}

// TestHostileTrees are folders with names that are no names.
func TestHostileTrees(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("\x01", 20)
	for _, text := range []string{"100644 ..\x00" + id, "100644 .\x00" + id, "100644 a/b\x00" + id, "100644 .GIT\x00" + id, "100644 \x00" + id,
		"777 a\x00" + id, "100644 a\x00short", "100644 a", "a", "100644 a\x00" + id + "100755 a\x00" + id} {
		objects := git.Objects{}
		if _, err := objects.Files(objects.Add(git.Object{Kind: git.KindTree, Data: []byte(text)})); !errors.Is(err, git.ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, path := range []string{"", "/a", "a//b", "../a", "a/../b", ".git/config", "a/.", "./a"} {
		objects := git.Objects{}
		if _, _, err := objects.Edit("", map[string]git.Entry{path: {Mode: "100644", ID: strings.Repeat("1", 40)}}); err == nil {
			t.Errorf("%q is a path", path)
		}
	}
}

// FuzzUnpack unpacks anything within bounds, and what it unpacks is read again from a pack of our own.
func FuzzUnpack(f *testing.F) {
	f.Add(encode(2, item{7, -1, name("base"), insert(4, "new")}, blob("base")))
	f.Add(encode(1, item{2, -1, nil, []byte("100644 a\x00" + strings.Repeat("\x01", 20))}))
	f.Add(encode(1, item{1, -1, nil, []byte("tree " + strings.Repeat("1", 40) + "\nauthor A <a> 1 +0000\n\nx")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if n := len(data) - sha1.Size; n > 0 { // so that the checksum is no wall
			sum := sha1.Sum(data[:n])
			copy(data[n:], sum[:])
		}
		objects, err := git.Unpack(data)
		if err != nil {
			return
		}
		packed, err := git.Pack(objects)
		if err != nil {
			t.Fatal(err)
		}
		again, err := git.Unpack(packed)
		if err != nil || !cmp.Equal(objects, again) {
			t.Fatalf("%v %s", err, cmp.Diff(objects, again))
		}
		for id, o := range objects {
			if o.ID() != id {
				t.Errorf("%s is %s", id, o.ID())
			}
			_, _ = objects.Files(id)
			if tree, err := objects.Tree(id); err == nil {
				if _, err := (git.Objects{"x": tree.Object()}).Tree("x"); err != nil {
					t.Error(err)
				}
			}
			_, _ = objects.Commit(id)
		}
	})
}
