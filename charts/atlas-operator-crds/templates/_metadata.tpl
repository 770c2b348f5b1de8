{{- /* What the chart adds to the metadata of each definition. Removing a definition removes every object of it, so no
command of Helm does. */ -}}
{{- define "atlas-operator-crds.metadata" -}}
annotations:
  helm.sh/resource-policy: keep
  {{- with .Values.annotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
labels:
  app.kubernetes.io/name: atlas-operator
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  {{- with .Values.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
