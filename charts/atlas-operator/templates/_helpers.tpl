{{- /* The name of everything that the chart makes: a name of a Service together with the longest suffix of one, `-metrics`,
so 55 characters, no dots, and a letter first. A release that is called after the chart is not called so twice. */ -}}
{{- define "atlas-operator.name" -}}
{{- $name := .Values.fullnameOverride | default .Release.Name | replace "." "-" -}}
{{- if not (or .Values.fullnameOverride (contains "atlas-operator" $name)) -}}
{{- $name = printf "%s-atlas-operator" $name -}}
{{- end -}}
{{- if regexMatch "^[0-9]" $name -}}
{{- $name = printf "release-%s" $name -}}
{{- end -}}
{{- $name | trunc 55 | trimSuffix "-" -}}
{{- end -}}

{{- /* What tells the pods of this release from all others. A Deployment's selector can never change. */ -}}
{{- define "atlas-operator.selector" -}}
{{- dict "app.kubernetes.io/name" "atlas-operator" "app.kubernetes.io/instance" .Release.Name | toYaml -}}
{{- end -}}

{{- /* Labels: a list of the context and of maps with more. Of those with one name the last is taken, and the selector's in
any case, so that none is there twice. */ -}}
{{- define "atlas-operator.labels" -}}
{{- $context := first . -}}
{{- $labels := dict "app.kubernetes.io/version" $context.Chart.AppVersion -}}
{{- $selector := include "atlas-operator.selector" $context | fromYaml -}}
{{- range concat (list $context.Values.labels) (rest .) (list $selector) -}}
{{- range $name, $value := . -}}{{- $_ := set $labels $name $value -}}{{- end -}}
{{- end -}}
{{- toYaml $labels -}}
{{- end -}}

{{- /* The metadata of an object: a list of the context, the object's name, its namespace (empty: it is of the cluster) and
maps with more labels. */ -}}
{{- define "atlas-operator.metadata" -}}
{{- $namespace := index . 2 -}}
name: {{ index . 1 | quote }}
{{- with $namespace }}
namespace: {{ . | quote }}
{{- end }}
labels:
  {{- include "atlas-operator.labels" (concat (list (first .)) (slice . 3)) | nindent 2 }}
{{- end -}}

{{- define "atlas-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "atlas-operator.name" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | required "serviceAccount.name: without serviceAccount.create it has to name yours, since rights for `default` would be rights for every pod of the namespace that names none" -}}
{{- end -}}
{{- end -}}

{{- define "atlas-operator.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository $tag -}}
{{- end -}}
{{- end -}}

{{- /* The namespace of the default credentials. */ -}}
{{- define "atlas-operator.credentialsNamespace" -}}
{{- .Values.defaultCredentials.namespace | default .Release.Namespace -}}
{{- end -}}

{{- /* The subject of every binding. */ -}}
{{- define "atlas-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "atlas-operator.serviceAccount" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end -}}

{{- /* A role and its binding: a list of context, name, namespace (empty: a ClusterRole) and rules. */ -}}
{{- define "atlas-operator.role" -}}
{{- $context := index . 0 -}}{{- $name := index . 1 -}}{{- $namespace := index . 2 -}}{{- $rules := index . 3 -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ if $namespace }}Role{{ else }}ClusterRole{{ end }}
metadata:
  {{- include "atlas-operator.metadata" (list $context $name $namespace) | nindent 2 }}
# The tests run the operator with exactly these rules, and fail when a request is denied or a rule is never used.
rules:
{{ trim $rules }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ if $namespace }}RoleBinding{{ else }}ClusterRoleBinding{{ end }}
metadata:
  {{- include "atlas-operator.metadata" (list $context $name $namespace) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ if $namespace }}Role{{ else }}ClusterRole{{ end }}
  name: {{ $name | quote }}
subjects:
{{ include "atlas-operator.subjects" $context }}
{{- end -}}
