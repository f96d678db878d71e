package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/fake/gitea"
	"github.com/pawl-cd/pawl/internal/fake/kubernetes"
	"github.com/pawl-cd/pawl/internal/fleet"
)

// engine runs the fleet of an ocean as Kubernetes does with packaging/kubernetes/fleet.yaml, in processes of the real binary, and
// disturbs them.
type engine struct {
	*ocean
	job    kubernetes.Job
	binary string
	// file lists the profiles, snapshot is what the shards read.
	file, snapshot string

	mu      sync.Mutex
	random  *rand.Rand
	strikes []strike
	// met counts the requests of each class; pods are the processes that live, by index.
	met   map[string]int
	pods  map[int]*pod
	tally tally
}

// tally counts what was done to the processes, and what came of it.
type tally struct {
	killed, terminated, cut, spoilt, pods, retries, jobs int
	slowest                                              time.Duration
}

// strike is one disturbance, at a request: the how-manieth of its class, before it is served or after.
type strike struct {
	class   string
	number  int
	applied bool
	// how is kill or term for an eviction with SIGKILL or SIGTERM, memory for a SIGKILL that is nobody's but the process's, and cut for
	// a connection that breaks while the process lives.
	how string
	// all has it meet all shards; later is how long after the request.
	all   bool
	later time.Duration
}

// pod is a process of one shard.
type pod struct {
	cmd  *exec.Cmd
	done chan struct{}
	// struck says that something was done to it, disrupted that it was an eviction; told is when it was told to end, and listening that
	// it had begun to ask by then.
	struck, disrupted, listening bool
	began, told                  time.Time
	// asked says that it has asked for something.
	asked bool
}

func newEngine(t *testing.T, world *ocean, binary string, seed uint64) *engine {
	t.Helper()
	manifest, err := os.ReadFile("../../packaging/kubernetes/fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	job, err := kubernetes.Parse(manifest)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{ocean: world, job: job, binary: binary, random: rand.New(rand.NewPCG(seed, 18)), met: map[string]int{}, pods: map[int]*pod{}}
	e.file, e.snapshot = e.list("fleet.yaml", func(int) bool { return true }), filepath.Join(e.dir, "fleet.snapshot")
	e.ocean.meet = e.strike
	return e
}

// draw plans disturbances for a time in which about so many requests of each class come.
func (e *engine) draw(count int, usual map[string]int) {
	classes := slices.Sorted(maps.Keys(usual))
	e.mu.Lock()
	defer e.mu.Unlock()
	e.strikes = nil
	for k := range count {
		class := classes[e.random.IntN(len(classes))]
		if k == 0 && usual["trigger"] > 0 { // where most is at stake
			class = "trigger"
		}
		s := strike{class: class, number: e.met[class] + 1 + e.random.IntN(usual[class]), applied: e.random.IntN(2) == 0, all: e.random.IntN(6) == 0,
			how: []string{"kill", "kill", "kill", "term", "term", "memory", "cut", "cut"}[e.random.IntN(8)]}
		if s.how == "cut" && class == "trigger" {
			s.applied = true // one that did not arrive is looked for for a minute, and TestDeployFault has it
		}
		if e.random.IntN(3) == 0 {
			s.later = time.Duration(e.random.IntN(30)) * time.Millisecond
		}
		e.strikes = append(e.strikes, s)
	}
}

// strike does what is planned at a request. Who is killed is dead before the request goes on.
func (e *engine) strike(m *meeting) {
	e.mu.Lock()
	if !m.applied {
		e.met[m.class]++
		m.number = e.met[m.class]
	}
	for index, p := range e.pods {
		p.asked = p.asked || m.profile >= 0 && e.takes(index, m.profile) && m.since.After(p.began)
	}
	at := slices.IndexFunc(e.strikes, func(s strike) bool {
		return s.class == m.class && s.number == m.number && s.applied == m.applied
	})
	if at < 0 {
		e.mu.Unlock()
		return
	}
	s := e.strikes[at]
	e.strikes = slices.Delete(e.strikes, at, at+1)
	if s.how == "cut" {
		m.cut = true
		e.tally.cut++
		e.mu.Unlock()
		return
	}
	var victims []*pod
	for _, index := range slices.Sorted(maps.Keys(e.pods)) {
		if s.all || m.profile < 0 || e.takes(index, m.profile) {
			victims = append(victims, e.pods[index])
		}
	}
	if !s.all && len(victims) > 1 {
		victims = victims[:1]
	}
	e.mu.Unlock()
	hit := func() {
		for _, p := range victims {
			e.hit(p, s.how)
		}
	}
	if s.later > 0 {
		go func() {
			time.Sleep(s.later)
			hit()
		}()
		return
	}
	hit()
	m.cut = s.how != "term" && len(victims) > 0
}

// hit sends a signal to a process, and waits until who is killed is dead.
func (e *engine) hit(p *pod, how string) {
	e.mu.Lock()
	select {
	case <-p.done: // it has ended by itself
		e.mu.Unlock()
		return
	default:
	}
	signal := syscall.SIGKILL
	if how == "term" {
		signal = syscall.SIGTERM
		if p.told.IsZero() {
			p.told, p.listening = time.Now(), p.asked
		}
		e.tally.terminated++
	} else {
		e.tally.killed++
	}
	p.struck, p.disrupted = true, p.disrupted || how != "memory"
	err := p.cmd.Process.Signal(signal)
	e.mu.Unlock()
	if err == nil && signal == syscall.SIGKILL {
		<-p.done
	}
}

// takes reports whether the shard of an index has a profile.
func (e *engine) takes(index, profile int) bool {
	shard := fleet.Shard{Index: index, Count: e.job.Indexes()}
	return index >= 0 && shard.Takes(e.entries[profile])
}

// start runs the binary to its end, and returns how it ended and what it printed.
func (e *engine) start(index int, name string, args ...string) (p *pod, exit int, out, errs string) {
	e.Helper()
	var stdout, stderr bytes.Buffer
	p = &pod{cmd: exec.CommandContext(e.Context(), name, args...), done: make(chan struct{})}
	p.cmd.Env, p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = e.environ(), e.dir, &stdout, &stderr
	e.mu.Lock()
	p.began = time.Now()
	err := p.cmd.Start()
	e.pods[index] = p
	e.tally.pods++
	e.mu.Unlock()
	if err != nil {
		e.Fatal(err)
	}
	_ = p.cmd.Wait() // how it ended is what its state says
	close(p.done)
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.pods, index)
	exit = p.cmd.ProcessState.ExitCode()
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		exit = 128 + int(status.Signal())
	}
	if !p.told.IsZero() && exit != 137 {
		took := time.Since(p.told)
		e.tally.slowest = max(e.tally.slowest, took)
		if limit := time.Duration(e.job.Grace()) * time.Second / 2; took > limit {
			e.Errorf("it ended %s after it was told to, and is killed after twice %s", took, limit)
		}
	}
	if strings.Contains(stdout.String()+stderr.String(), "c4nary") {
		e.Errorf("%v: a token was printed: %s%s", args, &stdout, &stderr)
	}
	return p, exit, stdout.String(), stderr.String()
}

// pauses are how far the clock of the forge moves before a pod is started again: around the ten minutes for which a claim of a run that
// may be alive is respected, as after the longest pause of the Job controller.
var pauses = []time.Duration{10*time.Minute - 2*time.Second, 11 * time.Minute, 11 * time.Minute, 11 * time.Minute}

// shard runs one pod of the job.
func (e *engine) shard(index, before int, reports []fleet.Report) kubernetes.End {
	e.Helper()
	if before > 0 {
		e.mu.Lock()
		e.tally.retries++
		pause := pauses[e.random.IntN(len(pauses))]
		e.mu.Unlock()
		e.jump(pause)
	}
	args := e.job.Args(index)
	for i, arg := range args {
		args[i] = strings.Replace(arg, "/fleet/fleet.yaml", e.file, 1)
	}
	p, exit, out, errs := e.start(index, e.binary, append(args, "--snapshot", e.snapshot, "--output", "json")...)
	reports[index] = e.judge(p, exit, out, errs, func(i int) bool { return e.takes(index, i) })
	return kubernetes.End{Exit: int32(exit), Disrupted: p.disrupted}
}

// judge holds the end of a process against what happened to it, and its report against the world.
func (e *engine) judge(p *pod, exit int, out, errs string, takes func(i int) bool) (report fleet.Report) {
	e.Helper()
	said := fmt.Sprintf("exit code %d, %+v: %.3000s%.3000s", exit, p, out, errs)
	switch {
	case exit == 0, exit == 3:
	case exit == 137 && p.struck: // it could say nothing
		return report
	case exit == 130 && !p.told.IsZero():
		if out == "" && errs == "" {
			e.Errorf("it was told to end, and says nothing: %s", said)
		}
		if out == "" { // it had not read its list
			return report
		}
	case exit == 143 && !p.told.IsZero() && (!p.listening || out != ""): // before it listened, or after it was done
		return report
	default:
		e.Fatalf("an end that nobody understands: %s", said)
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		e.Fatalf("%v: %s", err, said)
	}
	if exit == 130 {
		validFleet(e.T, out)
	}
	bad, all := false, 0
	for _, one := range report.Profiles {
		bad = bad || one.State.Bad()
		if i := e.index(one.Profile); i >= 0 && takes(i) {
			all++
		}
		if one.State == fleet.Late && (exit != 130 || !strings.Contains(one.Detail, "interrupted")) {
			e.Errorf("%s is late: %s", one.Profile, said)
		}
		if one.State == fleet.Refused && e.index(one.Profile) != e.n-1 {
			e.Errorf("%s is refused: %s", one.Profile, said)
		}
	}
	want := 0
	for i := range e.n {
		if takes(i) {
			want++
		}
	}
	if all != want || len(report.Profiles) != want || exit == 0 && bad || exit == 3 && !bad {
		e.Errorf("%d of %d profiles are told of: %s", all, want, said)
	}
	e.honest(report)
	return report
}

// learn has the snapshot be written, whatever comes between; what is there afterwards is always whole.
func (e *engine) learn(calm bool) {
	e.Helper()
	for attempt := 0; ; attempt++ {
		name, args := e.binary, []string{"fleet", "list", "--fleet", e.file, "--snapshot", e.snapshot}
		e.mu.Lock()
		way, blocks := e.random.IntN(3), 1+e.random.IntN(3)
		e.mu.Unlock()
		stop := make(chan struct{})
		if calm || attempt > 3 {
			way = -1
		}
		switch way {
		case 0: // a file may have only so many half kilobytes: it ends in the middle of writing
			args = append([]string{"-c", fmt.Sprintf(`ulimit -f %d; exec "$0" "$@"`, blocks), name}, args...)
			name = "/bin/sh"
		case 1: // as soon as it begins to write
			go e.ambush(stop)
		}
		before, _ := os.ReadFile(e.snapshot) // there may be none yet
		p, exit, out, errs := e.start(-1, name, args...)
		close(stop)
		e.whole(before)
		if exit == 0 || exit == 3 && strings.Contains(errs, e.entries[e.n-1].Name()+": ") {
			return
		}
		if !p.struck && way != 0 || attempt > 20 {
			e.Fatalf("pawl fleet list: exit code %d: %s%s", exit, out, errs)
		}
		e.jump(11 * time.Minute)
	}
}

// ambush kills the process that writes the snapshot when something appears beside it, or when it changes.
func (e *engine) ambush(stop chan struct{}) {
	look := func() string {
		text := ""
		entries, _ := os.ReadDir(e.dir)
		for _, one := range entries {
			if info, err := one.Info(); err == nil {
				text += fmt.Sprint(one.Name(), info.Size(), info.ModTime().UnixNano(), " ")
			}
		}
		return text
	}
	for before := look(); ; {
		select {
		case <-stop:
			return
		default:
		}
		if look() != before {
			e.mu.Lock()
			p := e.pods[-1]
			e.mu.Unlock()
			if p != nil {
				e.hit(p, "kill")
			}
			return
		}
	}
}

// whole holds the snapshot against what it was before a process wrote it, which may have died: that, or a whole one.
func (e *engine) whole(before []byte) {
	e.Helper()
	data, err := os.ReadFile(e.snapshot)
	if errors.Is(err, fs.ErrNotExist) && before == nil || err == nil && bytes.Equal(data, before) {
		return
	}
	if err == nil {
		_, err = fleet.DecodeSnapshot(data, time.Now())
	}
	if err != nil {
		e.Errorf("the snapshot of %d bytes: %v", len(data), err)
	}
}

// spoil has somebody damage the snapshot.
func (e *engine) spoil() {
	e.Helper()
	data, err := os.ReadFile(e.snapshot)
	if err != nil {
		e.Fatal(err)
	}
	e.mu.Lock()
	e.tally.spoilt++
	switch e.random.IntN(3) {
	case 0:
		data = data[:e.random.IntN(len(data))]
	case 1:
		data[e.random.IntN(len(data))] ^= 1 << e.random.IntN(8)
	case 2:
		data = append(data[:len(data)/2:len(data)/2], data...)
	}
	e.mu.Unlock()
	if err := os.WriteFile(e.snapshot, data, 0o600); err != nil {
		e.Fatal(err)
	}
}

// scheduled is one run of the CronJob; false when everything was at rest.
func (e *engine) scheduled(calm bool) (more bool) {
	e.Helper()
	e.tally.jobs++
	e.jump(time.Hour)
	before := e.tally.killed + e.tally.terminated + e.tally.cut
	e.learn(calm)
	if !calm && e.random.IntN(4) == 0 {
		e.spoil()
	}
	reports := make([]fleet.Report, e.job.Indexes())
	e.job.Run(func(index, before int) kubernetes.End { return e.shard(index, before, reports) })
	return e.tally.killed+e.tally.terminated+e.tally.cut > before || slices.ContainsFunc(reports, e.restless)
}

// restless reports whether a run did something, or left something for a later one.
func (e *engine) restless(r fleet.Report) bool {
	return r.Schema == "" || slices.ContainsFunc(r.Profiles, func(one fleet.Result) bool {
		return one.Fired > 0 || slices.Contains([]fleet.State{fleet.Merged, fleet.Failed, fleet.Late, fleet.Partial}, one.State) || one.State == fleet.Pending && kindOf(e.index(one.Profile), e.n) != off
	})
}

// settle schedules runs until everything is at rest.
func (e *engine) settle(calm bool) {
	e.Helper()
	for range 12 {
		if !e.scheduled(calm) {
			return
		}
		e.mu.Lock()
		calm = calm || len(e.strikes) == 0
		e.mu.Unlock()
	}
	e.Fatalf("not at rest after many runs: %+v", e.tally)
}

// alone is one run of one process that nobody disturbs, until everything is at rest.
func (e *engine) alone() {
	e.Helper()
	for range 6 {
		e.jump(time.Hour)
		p, exit, out, errs := e.start(0, e.binary, "fleet", "run", "--fleet", e.file, "--snapshot", e.snapshot, "--output", "json")
		if !e.restless(e.judge(p, exit, out, errs, func(int) bool { return true })) {
			return
		}
	}
	e.Fatal("not at rest")
}

// once runs pawl over some of the profiles, before anybody disturbs it.
func (e *engine) once(want func(i int) bool, args ...string) {
	e.Helper()
	file := e.list("some.yaml", want)
	if _, exit, out, errs := e.start(0, e.binary, append([]string{"fleet", "run", "--fleet", file}, args...)...); exit != 0 {
		e.Fatalf("exit code %d: %s%s", exit, out, errs)
	}
}

// chapters are the history of a world: what happens, and then runs until everything is at rest.
func chapters() []func(e *engine) {
	return []func(e *engine){
		func(e *engine) { // everything is new, and some have proposed something before
			e.registry.SetTags("org/w", "v1.0.0", "v1.0.5")
			e.once(func(i int) bool { return kindOf(i, e.n) == older || kindOf(i, e.n) == withdrawn }, "--no-merge")
			e.registry.SetTags("org/w", "v1.0.0")
			for i := range 8 {
				e.registry.SetTags(fmt.Sprintf("org/s%d", i), "v1.0.0", fmt.Sprintf("v1.1.%d", i))
			}
		},
		func(e *engine) { e.jump(25 * time.Hour) }, // nothing is, and they fall quiet
		func(e *engine) { // one image is
			e.registry.SetTags("org/s3", "v1.0.0", "v1.1.3", "v1.2.0")
		},
		func(e *engine) { e.jump(25 * time.Hour) },
	}
}

// undisturbed is what becomes of every profile, chapter by chapter, when one process is left alone; usual are the requests by class.
func undisturbed(e *engine) (portraits [][]string, usual []map[string]int) {
	e.Helper()
	for _, chapter := range chapters() {
		chapter(e)
		e.mu.Lock()
		e.met = map[string]int{}
		e.mu.Unlock()
		e.alone()
		e.mu.Lock()
		usual = append(usual, e.met)
		e.mu.Unlock()
		portraits = append(portraits, e.portraits())
	}
	return portraits, usual
}

// disturbed is the same history with a job that is disturbed, held against it.
func (e *engine) disturbed(want [][]string, usual []map[string]int) {
	e.Helper()
	began := time.Now()
	for k, chapter := range chapters() {
		chapter(e)
		e.draw(4+e.random.IntN(6), usual[k])
		e.settle(false)
		for i, got := range e.portraits() {
			if diff := cmp.Diff(want[k][i], got); diff != "" {
				e.Errorf("chapter %d: %s (-undisturbed +now):\n%s", k, e.entries[i].Name(), diff)
			}
		}
	}
	e.Logf("%+v in %s", e.tally, time.Since(began).Round(100*time.Millisecond))
}

// portraits are those of all profiles, each held against what it was told first.
func (e *engine) portraits() (all []string) {
	e.Helper()
	for i := range e.n {
		e.happened(i)
		all = append(all, e.portrait(i))
	}
	return all
}

// TestFleetEngine runs a fleet as the Job of packaging/kubernetes/fleet.yaml does, in processes of the real binary that are killed,
// told to end and cut off at random moments: each profile ends as one process that nobody disturbs leaves it, with one pipeline for
// each project and commit, every event told, and nothing left open. PAWL_SEEDS says how many such histories there are.
func TestFleetEngine(t *testing.T) {
	t.Parallel()
	n := 20
	if seeds() > 3 {
		n = 40
	}
	binary := build(t, "../../cmd/pawl", "pawl")
	want, usual := undisturbed(newEngine(t, newOcean(t, n), binary, 0))
	t.Logf("undisturbed: %v", usual)
	for seed := range seeds() {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			newEngine(t, newOcean(t, n), binary, uint64(seed)+1).disturbed(want, usual)
		})
	}
}

// TestGiteaFleetEngine is the same at a real Gitea, with fewer histories.
func TestGiteaFleetEngine(t *testing.T) {
	const n = 10
	server := gitea.Start(t)
	binary := build(t, "../../cmd/pawl", "pawl")
	want, usual := undisturbed(newEngine(t, newLake(t, n, server), binary, 0))
	t.Logf("undisturbed: %v", usual)
	for seed := range max(1, seeds()/10) {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			newEngine(t, newLake(t, n, server), binary, uint64(seed)+1).disturbed(want, usual)
		})
	}
}
