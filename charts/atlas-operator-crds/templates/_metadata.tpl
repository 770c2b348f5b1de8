{{- /* What the chart adds to the metadata of each definition, and what its values add to that. Removing a definition removes
every object of it, so no command of Helm does. */ -}}
{{- define "atlas-operator-crds.metadata" -}}
{{- $kept := dict "helm.sh/resource-policy" "keep" -}}
{{- $named := dict "app.kubernetes.io/name" "atlas-operator" -}}
{{- $version := dict "app.kubernetes.io/version" .Chart.AppVersion -}}
annotations:
  {{- merge $kept (.Values.annotations | default dict) | toYaml | nindent 2 }}
labels:
  {{- merge $named (.Values.labels | default dict) $version | toYaml | nindent 2 }}
{{- end -}}
