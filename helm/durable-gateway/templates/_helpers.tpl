{{- define "durable-gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* Short enough for "-control", "-dashboards" and a StatefulSet's own suffixes. */}}
{{- define "durable-gateway.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "durable-gateway.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "durable-gateway.selector" -}}
app.kubernetes.io/name: {{ include "durable-gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "durable-gateway.labels" -}}
{{- $labels := dict
  "app.kubernetes.io/name" (include "durable-gateway.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" (.Values.image.tag | default .Chart.AppVersion)
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") -}}
{{- toYaml (merge $labels .Values.commonLabels) -}}
{{- end }}

{{- define "durable-gateway.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "durable-gateway.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{- define "durable-gateway.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "durable-gateway.adminSecret" -}}
{{- .Values.admin.existingSecret | default (printf "%s-admin" (include "durable-gateway.fullname" .)) -}}
{{- end }}

{{- define "durable-gateway.redisSecret" -}}
{{- .Values.redis.existingSecret | default (printf "%s-redis" (include "durable-gateway.fullname" .)) -}}
{{- end }}

{{- define "durable-gateway.controlUrl" -}}
http://{{ include "durable-gateway.fullname" . }}-control.{{ .Release.Namespace }}.svc:{{ .Values.service.control.port }}
{{- end }}

{{/* Seconds, as the gateway wants spans of time. */}}
{{- define "durable-gateway.timeSpan" -}}
{{- $s := int . -}}
{{- printf "%02d:%02d:%02d" (div $s 3600) (div (mod $s 3600) 60) (mod $s 60) -}}
{{- end }}

{{/* What running pods reload. */}}
{{- define "durable-gateway.reloaded" -}}
{{- $durable := dict -}}
{{- $proxy := dict -}}
{{- with .Values.policies }}{{ $_ := set $durable "Policies" . }}{{ end -}}
{{- with .Values.routes }}{{ $_ := set $proxy "Routes" . }}{{ end -}}
{{- with .Values.clusters }}{{ $_ := set $proxy "Clusters" . }}{{ end -}}
{{- toJson (dict "Durable" $durable "ReverseProxy" $proxy) -}}
{{- end }}

{{/* What is said once, instead of by a pod that does not start. */}}
{{- define "durable-gateway.check" -}}
{{- if not (or .Values.upstream .Values.routes (dig "ReverseProxy" "Routes" dict .Values.config)) -}}
{{- fail "\n\nThe gateway needs to know what to stand in front of. Set one of these:\n  --set upstream=http://my-service:5000     one service, every route durable\n  routes and clusters in a values file      see the chart's README\n" -}}
{{- end -}}
{{- $clusters := merge (dict) .Values.clusters (dig "ReverseProxy" "Clusters" dict .Values.config) -}}
{{- range $name, $route := .Values.routes -}}
{{- if not (hasKey $clusters (toString $route.ClusterId)) -}}
{{- fail (printf "\n\nroutes.%s.ClusterId: %q is no cluster; known are %s.\n" $name (toString $route.ClusterId) (keys $clusters | sortAlpha | join ", " | default "none")) -}}
{{- end -}}
{{- $policy := dig "Metadata" "Durable.Policy" "disable" $route -}}
{{- $policies := concat (list "default" "disable") (keys $.Values.policies) -}}
{{- if not (has (lower $policy) (splitList "\n" (join "\n" $policies | lower))) -}}
{{- fail (printf "\n\nroutes.%s.Metadata: Durable.Policy %q is no policy; known are %s.\n" $name $policy ($policies | sortAlpha | uniq | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.store.mode "redis" -}}
{{- if not (or .Values.redis.connectionString .Values.redis.existingSecret) -}}
{{- fail "\n\nstore.mode is redis: set redis.connectionString or redis.existingSecret.\n" -}}
{{- end -}}
{{- if and .Values.redis.connectionString .Values.redis.existingSecret -}}
{{- fail "\n\nredis.connectionString and redis.existingSecret are both set; only one of them can be right.\n" -}}
{{- end -}}
{{- if and .Values.redis.passwordSecret (not .Values.redis.connectionString) -}}
{{- fail "\n\nredis.passwordSecret is added to redis.connectionString, which is not set.\n" -}}
{{- end -}}
{{- end -}}
{{- end }}
