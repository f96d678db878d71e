package httpx

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestBody(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 7, firstPart - 1, firstPart, firstPart + 1, laterPart, 3*laterPart + 5} {
		want := bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
		for _, length := range []int64{-1, int64(n), int64(n) + 3, 1} {
			for name, r := range map[string]io.Reader{"whole": bytes.NewReader(want), "halves": iotest.HalfReader(bytes.NewReader(want)), "with the end": iotest.DataErrReader(bytes.NewReader(want))} {
				b, err := readBody(r, length)
				if err != nil || b.size != int64(n) {
					t.Fatalf("%s: %d of %d bytes, %v", name, b.size, n, err)
				}
				got, err := io.ReadAll(b)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s, %d bytes, announced %d: other bytes, %v", name, n, length, err)
				}
			}
		}
	}
	b, err := readBody(bytes.NewReader(make([]byte, 2*laterPart)), -1)
	if err != nil {
		t.Fatal(err)
	}
	if b.cut(10); b.size != 10 {
		t.Errorf("%d bytes are left", b.size)
	}
	if got, err := io.ReadAll(b); err != nil || len(got) != 10 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	torn := io.MultiReader(bytes.NewReader([]byte("abc")), iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := readBody(torn, 10); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that ends too early: %v", err)
	}
}
