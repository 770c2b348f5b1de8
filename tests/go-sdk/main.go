// Command go-sdk uses the vendor's Go SDK against a simulated Atlas as a program of a user would.
//
//	go-sdk -base-url URL -auth digest|service-account -id ID -secret SECRET [-org ID] [-last 65s] [-hurry]
//
// It creates, reads, changes and deletes what most programs do, keeps using its credentials for as long as -last says,
// and does part of it once more. Each step is one line of JSON on standard output: its name, the status, and what was
// wrong with it, if anything. The exit status is 1 when a step was not as on Atlas.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"go.mongodb.org/atlas-sdk/v20250312010/admin"
)

// patience bounds each wait for a state, in real time.
const patience = 100 * time.Second

// pause is the time between two looks at something that takes time.
const pause = 250 * time.Millisecond

// hurried is the speed of the simulator's clock during waits, where they are hurried.
const hurried = 600

// outcome is what is printed of one step.
type outcome struct {
	Step   string `json:"step"`
	Status int    `json:"status"`
	Wrong  string `json:"wrong,omitempty"`
}

// session is one run of the program.
type session struct {
	ctx     context.Context
	sdk     *admin.APIClient
	baseURL string
	orgID   string
	// hurry lets the clock of the simulator run fast during waits, for which the pace of the real one would be too slow.
	hurry  bool
	failed bool
}

func main() {
	baseURL := flag.String("base-url", "", "where Atlas is")
	auth := flag.String("auth", "digest", "digest or service-account")
	id := flag.String("id", "", "public key or client id")
	secret := flag.String("secret", "", "private key or client secret")
	org := flag.String("org", "", "the organization's id")
	last := flag.Duration("last", 0, "how long to keep using the credentials, from the start on")
	hurry := flag.Bool("hurry", false, "let the simulator's clock run fast during waits")
	flag.Parse()

	start := time.Now()
	ctx := context.Background()
	connect := withKey
	if *auth == "service-account" {
		connect = withServiceAccount
	}
	sdk, err := connect(ctx, *baseURL, *id, *secret)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	s := &session{ctx: ctx, sdk: sdk, baseURL: *baseURL, orgID: *org, hurry: *hurry}
	s.run(start.Add(*last))
	if s.failed {
		os.Exit(1)
	}
}

// run takes all steps, and goes on reading until the given time.
func (s *session) run(until time.Time) {
	projectID := s.projects()
	if projectID == "" {
		return
	}
	s.accessList(projectID)
	s.customRoles(projectID)
	s.databaseUsers(projectID)
	cluster := s.clusters(projectID)
	flex := s.flexClusters(projectID)
	reads := 0
	for time.Now().Before(until) {
		reads++
		for _, read := range s.reads(projectID, cluster, flex) {
			s.checkQuietly(read)
		}
		time.Sleep(pause)
	}
	if reads > 0 {
		s.report("reads until a token's life is over", http.StatusOK, "")
		s.accessList(projectID)
		s.databaseUsers(projectID)
	}
	s.deleteDeployments(projectID, cluster, flex)
	s.deleteProject(projectID)
}

// answer is a response and an error as the SDK returns them.
type answer struct {
	response *http.Response
	err      error
}

func of(response *http.Response, err error) answer { return answer{response, err} }

func (a answer) status() int {
	if a.response == nil {
		return 0
	}
	return a.response.StatusCode
}

// wrong says how an answer differs from a status and, for an error, a code; empty where it does not.
func (a answer) wrong(status int, code string) string {
	if a.status() != status {
		return fmt.Sprintf("status %d instead of %d: %v", a.status(), status, a.err)
	}
	if status < 300 && a.err != nil {
		return a.err.Error()
	}
	if code != "" && !admin.IsErrorCode(a.err, code) {
		return fmt.Sprintf("not %s: %v", code, a.err)
	}
	return ""
}

func (s *session) report(step string, status int, wrong string) {
	s.failed = s.failed || wrong != ""
	// Nothing in it can fail to be encoded.
	line, _ := json.Marshal(outcome{Step: step, Status: status, Wrong: wrong})
	fmt.Println(string(line))
}

// expect takes a step that should succeed with a status; the checks say what is wrong with the document, if anything.
func (s *session) expect(step string, a answer, status int, checks ...string) {
	wrong := a.wrong(status, "")
	if wrong == "" {
		wrong = strings.Join(checks, "")
	}
	s.report(step, a.status(), wrong)
}

// refuse takes a step that should be refused.
func (s *session) refuse(step string, a answer, status int, code string) {
	s.report(step, a.status(), a.wrong(status, code))
}

// differs is empty where a value is as it should be.
func differs[T comparable](what string, got, wanted T) string {
	if got == wanted {
		return ""
	}
	return fmt.Sprintf("%s is %v instead of %v; ", what, got, wanted)
}

// await looks until a state is reached; the step is as on Atlas if it is within the patience.
func (s *session) await(step string, look func() (state string, a answer), wanted ...string) {
	if s.hurry {
		s.setSpeed(hurried)
		defer s.setSpeed(1)
	}
	deadline := time.Now().Add(patience)
	for {
		state, a := look()
		for _, one := range wanted {
			if state == one {
				s.report(step, a.status(), "")
				return
			}
		}
		if a.status() >= 400 && a.status() != http.StatusNotFound {
			s.report(step, a.status(), a.err.Error())
			return
		}
		if time.Now().After(deadline) {
			s.report(step, a.status(), fmt.Sprintf("still %s: %v", state, a.err))
			return
		}
		time.Sleep(pause)
	}
}

// setSpeed says how many seconds pass in the simulated Atlas in one of ours.
func (s *session) setSpeed(speed int) {
	body := strings.NewReader(fmt.Sprintf(`{"speed": %d}`, speed))
	request, err := http.NewRequestWithContext(s.ctx, http.MethodPatch, s.baseURL+"/_sim/settings", body)
	if err == nil {
		var response *http.Response
		if response, err = http.DefaultClient.Do(request); err == nil {
			err = response.Body.Close()
		}
	}
	if err != nil {
		s.report("set the speed", 0, err.Error())
	}
}

// checkQuietly reports a read only when it fails: how many there are depends on the machine.
func (s *session) checkQuietly(read answer) {
	if wrong := read.wrong(http.StatusOK, ""); wrong != "" {
		s.report("a read while time passes", read.status(), wrong)
	}
}
