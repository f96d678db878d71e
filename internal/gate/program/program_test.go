//go:build linux

package program_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/gate"
	"github.com/pawl-cd/pawl/internal/gate/program"
)

// judge asks one program, written in shell, about a version.
func judge(t *testing.T, script string, timeout time.Duration, of gate.Subject, run ...string) (gate.Verdict, string) {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "judge.sh"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	j := &program.Judge{Root: root, Gates: map[string]gate.Gate{"g": {Name: "g", Run: append([]string{"./judge.sh"}, run...), Deny: []int{2}, Timeout: timeout}},
		Env: os.LookupEnv, Hide: func(text string) string { return text }, Now: time.Now, Save: func(gate.Verdicts) error { return nil }}
	v, err := j.Judge(t.Context(), "g", of)
	if err != nil {
		t.Fatal(err)
	}
	return v, root
}

func one() gate.Subject {
	return gate.Subject{Kind: "dockerimage", Image: "docker.io/org/a", Tag: "1", Version: "1", Digest: "sha256:a", Artifact: "pkg:oci/a@sha256:a"}
}

// TestPrograms are programs as they come: each ends with a verdict, in bounded time and memory.
func TestPrograms(t *testing.T) {
	for name, c := range map[string]struct {
		script  string
		timeout time.Duration
		want    gate.Outcome
		detail  string
	}{
		"passes":              {"echo fine", time.Minute, gate.Pass, "fine"},
		"denies":              {"echo no >&2; exit 2", time.Minute, gate.Deny, "no"},
		"another code":        {"exit 3", time.Minute, gate.Broken, "exit code 3, which is neither 0 nor one that denies."},
		"crashes":             {"kill -SEGV $$", time.Minute, gate.Broken, "signal: segmentation fault"},
		"hangs":               {"sleep 600", time.Second, gate.Broken, "it took more than 1s."},
		"ignores signals":     {"trap '' TERM INT HUP; while :; do sleep 1; done", time.Second, gate.Broken, "it took more than 1s."},
		"leaves children":     {"(sleep 600 & sleep 600 & wait) & sleep 600", time.Second, gate.Broken, "it took more than 1s."},
		"a child that prints": {"(sleep 600; echo late) & echo done", time.Minute, gate.Pass, "done"},
		"prints 100 MB":       {"head -c 100000000 /dev/zero | tr '\\0' 'x'; echo; echo the end", time.Minute, gate.Pass, "the end"},
		"prints what no text": {"printf '\\377\\000\\033[31m\\r\\nz'", time.Minute, gate.Pass, "z"},
		"reads its input":     {"cat; echo nothing came", time.Minute, gate.Pass, "nothing came"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			v, _ := judge(t, c.script, c.timeout, one())
			if took := time.Since(begun); took > 40*time.Second {
				t.Errorf("it took %s", took)
			}
			if v.Outcome != c.want || !strings.HasSuffix(v.Detail, c.detail) && !strings.HasPrefix(v.Detail, c.detail) || len(v.Detail) > gate.MaxDetail || strings.ContainsAny(v.Detail, "\x1b\x00\n") {
				t.Errorf("it is %q, %q", v.Outcome, v.Detail)
			}
		})
	}
}

// TestChildrenEnd shows that nothing of a program that took too long goes on.
func TestChildrenEnd(t *testing.T) {
	_, root := judge(t, "(sleep 2; touch late) & sleep 600", time.Second, one())
	time.Sleep(3 * time.Second)
	if _, err := os.Stat(filepath.Join(root, "late")); err == nil {
		t.Error("a child of it went on")
	}
}

// TestNothingIsLeftBehind shows that what a program started ends with it, however it ended.
func TestNothingIsLeftBehind(t *testing.T) {
	v, root := judge(t, "(sleep 3; touch late) & exit 0", time.Minute, one())
	if v.Outcome != gate.Pass {
		t.Errorf("it is %+v", v)
	}
	time.Sleep(2 * time.Second)
	if _, err := os.Stat(filepath.Join(root, "late")); err == nil {
		t.Error("a child of it went on")
	}
}

// TestInterrupted ends a program with its context.
func TestInterrupted(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "judge.sh"), []byte("#!/bin/sh\nsleep 600\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	j := &program.Judge{Root: root, Gates: map[string]gate.Gate{"g": {Name: "g", Run: []string{"./judge.sh"}, Timeout: time.Minute}},
		Env: os.LookupEnv, Hide: func(text string) string { return text }, Now: time.Now, Save: func(gate.Verdicts) error { return nil }}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if v, err := j.Judge(ctx, "g", one()); err != nil || v.Outcome != gate.Broken || v.Detail != "interrupted" {
		t.Errorf("it is %+v, %v", v, err)
	}
}

// TestEnvironment gives a program what is named and nothing else, and no argument more than there are.
func TestEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_OURS", "s3cret")
	of := one()
	of.Tag, of.Version = "a b  --flag $(id) ; \"", "-x"
	v, root := judge(t, `env > env; printf '%s\n' "$#" "$@" > args`, time.Minute, of, "{tag}", "v={version}")
	if v.Outcome != gate.Pass {
		t.Fatalf("it is %+v", v)
	}
	env, _ := os.ReadFile(filepath.Join(root, "env"))
	if strings.Contains(string(env), "s3cret") {
		t.Errorf("it saw %s", env)
	}
	if args, _ := os.ReadFile(filepath.Join(root, "args")); string(args) != "2\na b  --flag $(id) ; \"\nv=-x\n" {
		t.Errorf("its arguments are %q", args)
	}
	if v, _ := judge(t, "touch started", time.Minute, of, "{version}"); v.Outcome != gate.Broken || !strings.Contains(v.Detail, "would be read as an option") {
		t.Errorf("it is %+v", v)
	}
}

// TestAtMostTwenty starts no more programs in one run, and no more than four at a time.
func TestAtMostTwenty(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "judge.sh"), []byte("#!/bin/sh\nmkdir run.$$; ls -d run.* | wc -l > seen.$$; sleep 0.2; rmdir run.$$\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	j := &program.Judge{Root: root, Gates: map[string]gate.Gate{"g": {Name: "g", Run: []string{"./judge.sh", "{version}"}, Timeout: time.Minute}},
		Env: os.LookupEnv, Hide: func(text string) string { return text }, Now: time.Now, Save: func(gate.Verdicts) error { return nil }}
	done := make(chan gate.Verdict)
	for i := range 25 {
		of := one()
		of.Version = fmt.Sprint(i)
		go func() {
			v, err := j.Judge(t.Context(), "g", of)
			if err != nil {
				t.Error(err)
			}
			done <- v
		}()
	}
	count := map[gate.Outcome]int{}
	for range 25 {
		v := <-done
		count[v.Outcome]++
		if v.Outcome == gate.Broken && v.Detail != "20 judgements were made already, no more in one run" {
			t.Errorf("it is %q", v.Detail)
		}
	}
	if count[gate.Pass] != 20 || count[gate.Broken] != 5 || len(j.Said().Verdicts) != 25 {
		t.Errorf("the outcomes are %v", count)
	}
	seen, err := filepath.Glob(filepath.Join(root, "seen.*"))
	if err != nil || len(seen) == 0 {
		t.Fatalf("%v %v", seen, err)
	}
	for _, file := range seen {
		text, _ := os.ReadFile(file)
		if n := strings.TrimSpace(string(text)); len(n) != 1 || n > "4" {
			t.Errorf("%s ran at the same time", n)
		}
	}
}
