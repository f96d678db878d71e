package fleet

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/pawl-cd/pawl/internal/fault"
)

// Shard is one of several processes that share a fleet without knowing of each other; the zero value takes all profiles.
type Shard struct {
	// Index counts from 0 up to Count.
	Index, Count int
}

// maxShards bounds how many processes share a fleet.
const maxShards = 10_000

// ParseShard reads I/N.
func ParseShard(text string) (Shard, error) {
	if text == "" {
		return Shard{}, nil
	}
	left, right, _ := strings.Cut(text, "/")
	i, err := strconv.Atoi(left)
	n, other := strconv.Atoi(right)
	if err != nil || other != nil || n < 1 || n > maxShards || i < 0 || i >= n {
		return Shard{}, fault.New("the first shard of three is 0/3, the last 2/3", "want I/N with I from 0 up to N-1, have %q", text)
	}
	return Shard{i, n}, nil
}

// Takes reports whether a profile is this shard's: of all shards the one is whose weight for it is the highest (rendezvous
// hashing), so that one shard more takes its share from all others and moves nothing between them.
func (s Shard) Takes(p Profile) bool {
	if s.Count < 2 {
		return true
	}
	own := weight(p.key(), s.Index)
	for i := range s.Count {
		if w := weight(p.key(), i); w > own || w == own && i < s.Index {
			return false
		}
	}
	return true
}

func weight(key string, shard int) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(binary.BigEndian.AppendUint32([]byte(key), uint32(shard))) // a hash takes everything
	// The sum of FNV moves little in its high bits with the last bytes: they are mixed (https://xoshiro.di.unimi.it/splitmix64.c).
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// String is I/N, empty for all.
func (s Shard) String() string {
	if s.Count == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.Index, s.Count)
}
