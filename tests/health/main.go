// Command health answers for the tools of GitOps: what they make of an object, by their own libraries.
//
//	health judge ARGOCD-CM.yaml KUSTOMIZATION.yaml <objects >verdicts
//	health helm-release <manifest
//
// judge reads objects from standard input, one JSON document a line, and writes one verdict a line: that of kstatus
// (which is also Flux's, kubectl-wait-like tools' and Config Sync's), that of the health script that a ConfigMap gives
// to Argo CD, and that of the healthCheckExprs of a Kustomization of Flux.
//
// helm-release reads one HelmRelease as YAML and fails unless Flux's own type has every field of it: the module with
// the definition of that kind is not to be had, the one with its type is.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	helm "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/gobwas/glob"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
	"sigs.k8s.io/yaml"
)

// longestLine bounds a line of input: the largest object that an API server stores, with room for its encoding.
const longestLine = 4 << 20

// longestScript is how long Argo CD lets a health script run.
const longestScript = time.Second

// verdict is what one tool says of one object.
type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
}

// verdicts are what all of them say.
type verdicts struct {
	KStatus verdict `json:"kstatus"`
	ArgoCD  verdict `json:"argoCD"`
	Flux    verdict `json:"flux"`
}

// scripts are Lua by the patterns of group and kind that they are for, as Argo CD reads them.
type scripts map[string]struct {
	Health string `json:"health.lua"`
}

// evaluators are health check expressions by API version and kind.
type evaluators map[string]*cel.StatusEvaluator

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "health:", err)
		os.Exit(1)
	}
}

func run(arguments []string, in io.Reader, out io.Writer) error {
	switch {
	case len(arguments) == 3 && arguments[0] == "judge":
		return judge(arguments[1], arguments[2], in, out)
	case len(arguments) == 1 && arguments[0] == "helm-release":
		text, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		return yaml.UnmarshalStrict(text, &helm.HelmRelease{})
	default:
		return errors.New("usage: health judge ARGOCD-CM.yaml KUSTOMIZATION.yaml | health helm-release")
	}
}

func judge(configMap, kustomization string, in io.Reader, out io.Writer) error {
	scripts, err := readScripts(configMap)
	if err != nil {
		return fmt.Errorf("%s: %w", configMap, err)
	}
	evaluators, err := readEvaluators(kustomization)
	if err != nil {
		return fmt.Errorf("%s: %w", kustomization, err)
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longestLine)
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(lines.Bytes()); err != nil {
			return err
		}
		var all verdicts
		if all.KStatus, err = byKStatus(object); err != nil {
			return fmt.Errorf("kstatus: %w", err)
		}
		if all.ArgoCD, err = scripts.judge(object); err != nil {
			return fmt.Errorf("Argo CD: %w", err)
		}
		if all.Flux, err = evaluators.judge(object); err != nil {
			return fmt.Errorf("Flux: %w", err)
		}
		if err := encoder.Encode(all); err != nil {
			return err
		}
	}
	return lines.Err()
}

func byKStatus(object *unstructured.Unstructured) (verdict, error) {
	result, err := status.Compute(object)
	if err != nil {
		return verdict{}, err
	}
	return verdict{Status: result.Status.String(), Message: result.Message}, nil
}

// readScripts reads what a ConfigMap says under resource.customizations, the one key that takes patterns.
func readScripts(path string) (scripts, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var configMap struct {
		Data map[string]string `json:"data"`
	}
	if err := yaml.Unmarshal(text, &configMap); err != nil {
		return nil, err
	}
	found := scripts{}
	return found, yaml.UnmarshalStrict([]byte(configMap.Data["resource.customizations"]), &found)
}

// judge runs the script for the object. Argo CD also knows scripts of its own, none of which is for this group.
func (scripts scripts) judge(object *unstructured.Unstructured) (verdict, error) {
	kind := object.GroupVersionKind()
	for pattern, script := range scripts {
		compiled, err := glob.Compile(pattern)
		if err != nil {
			return verdict{}, err
		}
		if compiled.Match(kind.Group + "/" + kind.Kind) {
			return runScript(script.Health, object.Object)
		}
	}
	return verdict{}, fmt.Errorf("no script is for %s", kind)
}

// runScript runs a health script as Argo CD does: without the standard libraries but for package, base and table, the
// object as the global obj, for a second at most. Argo CD gives it a reduced os library as well, which is not needed to
// judge an object by itself.
func runScript(script string, object map[string]any) (verdict, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	libraries := []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}}
	for _, library := range libraries {
		call := lua.P{Fn: state.NewFunction(library.open), NRet: 0, Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			return verdict{}, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), longestScript)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		return verdict{}, err
	}
	returned := state.Get(-1)
	if returned.Type() != lua.LTTable {
		return verdict{}, fmt.Errorf("the script returned a %s", returned.Type())
	}
	text, err := luajson.Encode(returned)
	if err != nil {
		return verdict{}, err
	}
	var found verdict
	if err := json.Unmarshal(text, &found); err != nil {
		return verdict{}, err
	}
	switch found.Status {
	case "Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown":
		return found, nil
	default:
		return verdict{}, fmt.Errorf("the script returned the status %q", found.Status)
	}
}

// toLua converts what an unstructured object is made of. The one of gopher-json does not know int64, which is what
// generations are.
func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		table := state.CreateTable(len(value), 0)
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for name, field := range value {
			table.RawSetString(name, toLua(state, field))
		}
		return table
	default:
		return lua.LNil
	}
}

// readEvaluators reads spec.healthCheckExprs of a Kustomization of Flux.
func readEvaluators(path string) (evaluators, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var kustomization struct {
		Spec struct {
			Checks []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &kustomization); err != nil {
		return nil, err
	}
	found := evaluators{}
	for _, check := range kustomization.Spec.Checks {
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", check.Kind, err)
		}
		found[check.APIVersion+"/"+check.Kind] = evaluator
	}
	return found, nil
}

func (evaluators evaluators) judge(object *unstructured.Unstructured) (verdict, error) {
	evaluator, found := evaluators[object.GetAPIVersion()+"/"+object.GetKind()]
	if !found {
		return verdict{}, fmt.Errorf("no expressions are for %s", object.GroupVersionKind())
	}
	result, err := evaluator.Evaluate(context.Background(), object)
	if err != nil {
		return verdict{}, err
	}
	return verdict{Status: result.Status.String(), Message: result.Message}, nil
}
