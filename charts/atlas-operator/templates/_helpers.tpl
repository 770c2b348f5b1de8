{{- /* The name of everything that the chart makes. A release that is called after the chart is not called so twice. */ -}}
{{- define "atlas-operator.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains "atlas-operator" .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-atlas-operator" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* What tells the pods of this release from all others. A Deployment's selector can never change. */ -}}
{{- define "atlas-operator.selector" -}}
app.kubernetes.io/name: atlas-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "atlas-operator.labels" -}}
{{- include "atlas-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "atlas-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "atlas-operator.name" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
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
  name: {{ include "atlas-operator.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{- /* A role and its binding: a list of context, name, namespace (empty: a ClusterRole) and rules. */ -}}
{{- define "atlas-operator.role" -}}
{{- $context := index . 0 -}}{{- $name := index . 1 -}}{{- $namespace := index . 2 -}}{{- $rules := index . 3 -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ if $namespace }}Role{{ else }}ClusterRole{{ end }}
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "atlas-operator.labels" $context | nindent 4 }}
# The tests run the operator with exactly these rules, and fail when a request is denied or a rule is never used.
rules:
{{ trim $rules }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ if $namespace }}RoleBinding{{ else }}ClusterRoleBinding{{ end }}
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "atlas-operator.labels" $context | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ if $namespace }}Role{{ else }}ClusterRole{{ end }}
  name: {{ $name }}
subjects:
{{ include "atlas-operator.subjects" $context }}
{{- end -}}
